package pysyntax

import (
	"iter"
	"slices"
)

// Walk calls visit for n and all nodes below it, in the order of the source.
// It does not go below a node for which visit returns false.
//
// As in CPython's tree, identifiers that are no expressions are not visited:
// the names of functions, classes, parameters and keyword arguments, and the
// attribute in x.attribute. The literals that make up a String are not visited
// either, but the expressions in them are.
func Walk(n Node, visit func(Node) bool) {
	walk([]Node{n}, visit)
}

// Walk calls visit for all nodes of the file, as the function Walk does.
func (f *File) Walk(visit func(Node) bool) {
	stack := add(nil, f.Body)
	slices.Reverse(stack)
	walk(stack, visit)
}

// walk keeps its own stack: the depth of a tree has no bound, as in a sum of
// a hundred thousand terms.
func walk(stack []Node, visit func(Node) bool) {
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if !visit(n) {
			continue
		}
		mark := len(stack)
		stack = appendChildren(stack, n)
		slices.Reverse(stack[mark:])
	}
}

func add[N Node](out []Node, nodes []N) []Node {
	for _, n := range nodes {
		out = append(out, n)
	}
	return out
}

// addExprs leaves out the ones that are nil.
func addExprs(out []Node, exprs ...Expr) []Node {
	for _, x := range exprs {
		if x != nil {
			out = append(out, x)
		}
	}
	return out
}

// appendChildren adds the nodes directly below n, in the order of the source.
func appendChildren(out []Node, n Node) []Node {
	switch n := n.(type) {
	case *FunctionDef:
		out = add(out, n.Decorators)
		out = add(out, n.TypeParams)
		out = add(out, n.Params)
		out = addExprs(out, n.Returns)
		return add(out, n.Body)
	case *Param:
		return addExprs(out, n.Annotation, n.Default)
	case *ClassDef:
		out = add(out, n.Decorators)
		out = add(out, n.TypeParams)
		out = add(out, n.Args)
		return add(out, n.Body)
	case *TypeParam:
		return addExprs(out, n.Bound, n.Default)
	case *Return:
		return addExprs(out, n.Value)
	case *Delete:
		return add(out, n.Targets)
	case *Assign:
		return append(add(out, n.Targets), n.Value)
	case *AugAssign:
		return append(out, n.Target, n.Value)
	case *AnnAssign:
		return addExprs(out, n.Target, n.Annotation, n.Value)
	case *TypeAlias:
		return append(add(append(out, n.Name), n.TypeParams), n.Value)
	case *For:
		return add(add(append(out, n.Target, n.Iter), n.Body), n.Else)
	case *While:
		return add(add(append(out, n.Test), n.Body), n.Else)
	case *If:
		return add(add(append(out, n.Test), n.Body), n.Else)
	case *With:
		return add(add(out, n.Items), n.Body)
	case *WithItem:
		return addExprs(out, n.Context, n.Vars)
	case *Match:
		return add(append(out, n.Subject), n.Cases)
	case *Case:
		return add(addExprs(add(out, n.Refs), n.Guard), n.Body)
	case *Raise:
		return addExprs(out, n.Exc, n.Cause)
	case *Try:
		return add(add(add(add(out, n.Body), n.Handlers), n.Else), n.Finally)
	case *Handler:
		return add(addExprs(out, n.Type), n.Body)
	case *Assert:
		return addExprs(out, n.Test, n.Msg)
	case *Import:
		return add(out, n.Names)
	case *ImportFrom:
		return add(out, n.Names)
	case *ExprStmt:
		return append(out, n.Value)
	case *Attribute:
		return append(out, n.X)
	case *Call:
		return add(append(out, n.Func), n.Args)
	case *Arg:
		return append(out, n.Value)
	case *Subscript:
		return append(out, n.X, n.Index)
	case *Slice:
		return addExprs(out, n.Lower, n.Upper, n.Step)
	case *List:
		return add(out, n.Elts)
	case *Tuple:
		return add(out, n.Elts)
	case *Set:
		return add(out, n.Elts)
	case *Dict:
		for i := range n.Values {
			out = addExprs(out, n.Keys[i], n.Values[i])
		}
	case *Comp:
		return add(addExprs(out, n.Key, n.Elt), n.Parts)
	case *CompFor:
		return add(append(out, n.Target, n.Iter), n.Ifs)
	case *String:
		for _, part := range n.Parts {
			out = add(out, part.Fields)
		}
	case *Starred:
		return append(out, n.X)
	case *BinOp:
		return append(out, n.X, n.Y)
	case *UnaryOp:
		return append(out, n.X)
	case *BoolOp:
		return add(out, n.Values)
	case *Compare:
		return add(out, n.Values)
	case *IfExp:
		return append(out, n.Body, n.Test, n.Else)
	case *Lambda:
		return append(add(out, n.Params), n.Body)
	case *NamedExpr:
		return append(out, n.Target, n.Value)
	case *Await:
		return append(out, n.X)
	case *Yield:
		return addExprs(out, n.X)
	}
	return out
}

// Place is where a statement stands.
type Place struct {
	Parents []Stmt // the statements around it, outermost first
	Block   []Stmt // the statements of its block, itself among them
	Index   int    // its index in Block
}

// Stmts gives every statement of the file, in the order of the source, with its
// place. An elif is a statement of its own, in the Else of its If.
func (f *File) Stmts() iter.Seq2[Stmt, Place] {
	return func(yield func(Stmt, Place) bool) {
		stack := [][]placed{appendPlaced(nil, nil, f.Body)}
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			if len(*top) == 0 {
				stack = stack[:len(stack)-1]
				continue
			}
			s := (*top)[0]
			*top = (*top)[1:]
			if !yield(s.stmt, s.place) {
				return
			}
			var below []placed
			parents := append(slices.Clip(s.place.Parents), s.stmt)
			for _, block := range blocksOf(s.stmt) {
				below = appendPlaced(below, parents, block)
			}
			if below != nil {
				stack = append(stack, below)
			}
		}
	}
}

type placed struct {
	stmt  Stmt
	place Place
}

func appendPlaced(out []placed, parents, block []Stmt) []placed {
	for i, s := range block {
		out = append(out, placed{s, Place{parents, block, i}})
	}
	return out
}

// blocksOf lists the blocks of a compound statement, in the order of the source.
func blocksOf(s Stmt) [][]Stmt {
	switch s := s.(type) {
	case *FunctionDef:
		return [][]Stmt{s.Body}
	case *ClassDef:
		return [][]Stmt{s.Body}
	case *For:
		return [][]Stmt{s.Body, s.Else}
	case *While:
		return [][]Stmt{s.Body, s.Else}
	case *If:
		return [][]Stmt{s.Body, s.Else}
	case *With:
		return [][]Stmt{s.Body}
	case *Match:
		var out [][]Stmt
		for _, c := range s.Cases {
			out = append(out, c.Body)
		}
		return out
	case *Try:
		out := [][]Stmt{s.Body}
		for _, h := range s.Handlers {
			out = append(out, h.Body)
		}
		return append(out, s.Else, s.Finally)
	}
	return nil
}

// StmtAt is the smallest statement that holds the byte at offset, with its
// place; nil where there is none.
func (f *File) StmtAt(offset int) (found Stmt, at Place) {
	block, parents := f.Body, []Stmt(nil)
	for {
		i, n := 0, len(block)
		for i < n && block[i].End() <= offset {
			i++
		}
		if i == n || block[i].Pos() > offset {
			return found, at
		}
		found, at = block[i], Place{parents, block, i}
		parents = append(slices.Clip(parents), found)
		next := []Stmt(nil)
		for _, b := range blocksOf(found) {
			if len(b) > 0 && b[0].Pos() <= offset && offset < b[len(b)-1].End() {
				next = b
			}
		}
		block = next
	}
}
