package main

import (
	"cmp"

	"authfit/internal/pysyntax"
)

// node is a node of either tree.
type node struct {
	kind       string // the name of its class in ast
	start, end int
}

func (a node) compare(b node) int {
	return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.end, b.end), cmp.Compare(a.kind, b.kind))
}

// ours lists the nodes of f that CPython 3.minor gives a position, by their
// names in ast.
func ours(f *pysyntax.File, minor int) []node {
	var out []node
	sliced := map[pysyntax.Expr]bool{} // tuples that 3.8 has as ExtSlice
	f.Walk(func(n pysyntax.Node) bool {
		kind := kindOf(n)
		switch n := n.(type) {
		case *pysyntax.Case:
			out = append(out, node{"pattern", n.Pattern.Pos(), n.Pattern.End()})
		case *pysyntax.Subscript:
			if t, ok := n.Index.(*pysyntax.Tuple); ok && minor < 9 {
				for _, e := range t.Elts {
					if _, ok := e.(*pysyntax.Slice); ok {
						sliced[t] = true
					}
				}
			}
		case *pysyntax.Tuple:
			if sliced[n] {
				kind = ""
			}
		}
		if minor < 9 && (kind == "Slice" || kind == "keyword" || kind == "Starred") || minor < 10 && kind == "alias" {
			kind = "" // has no position there, or a wrong one
		}
		end := n.End()
		if p, ok := n.(*pysyntax.Param); ok && minor < 9 && p.Kind == pysyntax.KeywordOnly {
			end = p.Name.End() // the annotation is forgotten there
		}
		if kind != "" {
			out = append(out, node{kind, n.Pos(), end})
		}
		_, isString := n.(*pysyntax.String)
		return !isString || minor >= 12 // before, positions in f-strings are wrong
	})
	return out
}

// kindOf is the name of a node's class in ast, or empty where ast gives the
// class no position.
func kindOf(n pysyntax.Node) string {
	async := func(is bool, name string) string {
		if is {
			return "Async" + name
		}
		return name
	}
	switch n := n.(type) {
	case *pysyntax.FunctionDef:
		return async(n.Async, "FunctionDef")
	case *pysyntax.For:
		return async(n.Async, "For")
	case *pysyntax.With:
		return async(n.Async, "With")
	case *pysyntax.ClassDef:
		return "ClassDef"
	case *pysyntax.Param:
		return "arg"
	case *pysyntax.TypeParam:
		return [...]string{"TypeVar", "TypeVarTuple", "ParamSpec"}[n.Star]
	case *pysyntax.Return:
		return "Return"
	case *pysyntax.Delete:
		return "Delete"
	case *pysyntax.Assign:
		return "Assign"
	case *pysyntax.AugAssign:
		return "AugAssign"
	case *pysyntax.AnnAssign:
		return "AnnAssign"
	case *pysyntax.TypeAlias:
		return "TypeAlias"
	case *pysyntax.While:
		return "While"
	case *pysyntax.If:
		return "If"
	case *pysyntax.Match:
		return "Match"
	case *pysyntax.Raise:
		return "Raise"
	case *pysyntax.Try:
		if len(n.Handlers) > 0 && n.Handlers[0].Star {
			return "TryStar"
		}
		return "Try"
	case *pysyntax.Handler:
		return "ExceptHandler"
	case *pysyntax.Assert:
		return "Assert"
	case *pysyntax.Import:
		return "Import"
	case *pysyntax.ImportFrom:
		return "ImportFrom"
	case *pysyntax.Alias:
		return "alias"
	case *pysyntax.Global:
		return "Global"
	case *pysyntax.Nonlocal:
		return "Nonlocal"
	case *pysyntax.ExprStmt:
		return "Expr"
	case *pysyntax.Pass:
		return "Pass"
	case *pysyntax.Break:
		return "Break"
	case *pysyntax.Continue:
		return "Continue"
	case *pysyntax.Arg:
		switch {
		case n.Star == 1:
			return "Starred"
		case n.Star == 2 || n.Keyword != nil:
			return "keyword"
		}
		return "" // its value is the node
	case *pysyntax.Name:
		return "Name"
	case *pysyntax.Attribute:
		return "Attribute"
	case *pysyntax.Call:
		return "Call"
	case *pysyntax.Subscript:
		return "Subscript"
	case *pysyntax.Slice:
		return "Slice"
	case *pysyntax.List:
		return "List"
	case *pysyntax.Tuple:
		return "Tuple"
	case *pysyntax.Set:
		return "Set"
	case *pysyntax.Dict:
		return "Dict"
	case *pysyntax.Comp:
		switch {
		case n.Kind == '[':
			return "ListComp"
		case n.Kind == '(':
			return "GeneratorExp"
		case n.Key != nil:
			return "DictComp"
		}
		return "SetComp"
	case *pysyntax.String, *pysyntax.Constant:
		return "Constant"
	case *pysyntax.Starred:
		return "Starred"
	case *pysyntax.BinOp:
		return "BinOp"
	case *pysyntax.UnaryOp:
		return "UnaryOp"
	case *pysyntax.BoolOp:
		return "BoolOp"
	case *pysyntax.Compare:
		return "Compare"
	case *pysyntax.IfExp:
		return "IfExp"
	case *pysyntax.Lambda:
		return "Lambda"
	case *pysyntax.NamedExpr:
		return "NamedExpr"
	case *pysyntax.Await:
		return "Await"
	case *pysyntax.Yield:
		if n.From {
			return "YieldFrom"
		}
		return "Yield"
	}
	return ""
}
