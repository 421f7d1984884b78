package django

import (
	"slices"
	"strings"

	"authfit/internal/pysyntax"
)

// A database is what can be said of DATABASES for a run on a scratch copy.
type database struct {
	// scratch says that everything that can become a database is a SQLite file
	// inside the project, or named by a variable of the environment: it can be
	// another one for the run, and tables may be made in it.
	scratch bool
	// variables are those that name a database by URL: DATABASE_URL.
	variables []string
	at        binding // where it is said, for a message
}

// readDatabase looks at every statement that has to do with DATABASES, also in
// branches that may not be taken: no table must ever be made in a database that
// is somebody's.
func readDatabase(s *settings) database {
	db := database{scratch: s.whole}
	defined := false
	for _, src := range s.files {
		for stmt, place := range src.Stmts() {
			b := binding{source: src, stmt: stmt, place: place}
			switch stmt := stmt.(type) {
			case *pysyntax.Assign:
				for _, target := range stmt.Targets {
					defined = db.assign(s, b, target, stmt.Value) || defined
				}
			case *pysyntax.AnnAssign:
				if stmt.Value != nil {
					defined = db.assign(s, b, stmt.Target, stmt.Value) || defined
				}
			case *pysyntax.AugAssign:
				if root, _ := ofDatabases(src, stmt.Target); root {
					db.refuse(b)
				}
			case *pysyntax.ExprStmt:
				db.call(s, b, stmt.Value)
			}
		}
	}
	db.scratch = db.scratch && defined
	return db
}

func (db *database) refuse(b binding) { db.scratch, db.at = false, b }

// assign looks at one assignment, and reports whether it is to DATABASES.
func (db *database) assign(s *settings, b binding, target, value pysyntax.Expr) bool {
	root, keys := ofDatabases(b.source, target)
	if !root {
		return false
	}
	if db.at.stmt == nil {
		db.at = b
	}
	var safe bool
	switch len(keys) {
	case 0:
		safe = db.all(s, b.source, value)
	case 1:
		safe = db.one(s, b.source, value, 5)
	default: // DATABASES["default"]["ATOMIC_REQUESTS"] = True
		safe = !slices.Contains([]string{"", "ENGINE", "NAME", "HOST", "PORT", "USER", "PASSWORD"}, keys[1])
	}
	if !safe {
		db.refuse(b)
	}
	return true
}

// call looks at DATABASES["default"].update(...), and at calls that may change
// any setting, such as django_heroku.settings(locals()).
func (db *database) call(s *settings, b binding, e pysyntax.Expr) {
	call, ok := e.(*pysyntax.Call)
	if !ok {
		return
	}
	pysyntax.Walk(e, func(n pysyntax.Node) bool {
		if inner, ok := n.(*pysyntax.Call); ok {
			switch pysyntax.Dotted(inner.Func) {
			case "locals", "globals", "vars", "exec":
				db.refuse(b)
			}
		}
		return true
	})
	method, ok := call.Func.(*pysyntax.Attribute)
	if !ok {
		return
	}
	root, keys := ofDatabases(b.source, method.X)
	if root && !(method.Attr.ID == "update" && len(keys) == 1 && len(call.Args) == 1 && db.one(s, b.source, call.Args[0].Value, 5)) {
		db.refuse(b)
	}
}

// ofDatabases takes DATABASES["default"]["NAME"] apart. A key that is not
// literal is empty.
func ofDatabases(src source, e pysyntax.Expr) (root bool, keys []string) {
	for {
		switch x := e.(type) {
		case *pysyntax.Name:
			slices.Reverse(keys)
			return x.ID == "DATABASES", keys
		case *pysyntax.Subscript:
			key, _ := src.StringValue(x.Index)
			keys = append(keys, key)
			e = x.X
		default:
			return false, nil
		}
	}
}

// all looks at a value for DATABASES as a whole.
func (db *database) all(s *settings, in source, value pysyntax.Expr) bool {
	dict, ok := value.(*pysyntax.Dict)
	if !ok {
		return false
	}
	for i, v := range dict.Values {
		if dict.Keys[i] == nil || !db.one(s, in, v, 5) {
			return false
		}
	}
	return true
}

// one looks at a value for one database.
func (db *database) one(s *settings, in source, value pysyntax.Expr, depth int) bool {
	if depth == 0 {
		return false
	}
	switch value := value.(type) {
	case *pysyntax.Dict:
		return sqliteInside(s, in, value)
	case *pysyntax.Call:
		variable := urlVariable(s, in, value)
		if variable != "" && !slices.Contains(db.variables, variable) {
			db.variables = append(db.variables, variable)
		}
		return variable != ""
	case *pysyntax.Name:
		bound := s.bindings(value.ID)
		for _, b := range bound {
			if !db.one(s, b.source, b.value, depth-1) {
				return false
			}
		}
		return len(bound) > 0
	case *pysyntax.IfExp:
		return db.one(s, in, value.Body, depth-1) && db.one(s, in, value.Else, depth-1)
	}
	return false
}

// sqliteInside reports whether a dict is {"ENGINE": "...sqlite3", "NAME": ...}
// with a file inside the project.
func sqliteInside(s *settings, in source, dict *pysyntax.Dict) bool {
	engine, inside := false, false
	for i, key := range dict.Keys {
		if key == nil {
			return false
		}
		switch name, _ := in.StringValue(key); name {
		case "":
			return false
		case "ENGINE":
			value, _ := in.StringValue(dict.Values[i])
			engine = strings.HasSuffix(value, ".sqlite3")
		case "NAME":
			file, ok := s.location(in, dict.Values[i], 10)
			inside = ok && within(file)
		}
	}
	return engine && inside
}

// urlVariable is the variable of the environment in which a call finds a
// database's URL: dj_database_url, django-environ, python-decouple.
func urlVariable(s *settings, in source, call *pysyntax.Call) string {
	name := pysyntax.Dotted(call.Func)
	switch {
	case name == "dj_database_url.config":
		if call.Keyword("env") == nil && call.Positional(0) == nil {
			return "DATABASE_URL"
		}
		variable, _ := in.StringValue(or(call.Positional(0), call.Keyword("env")))
		return variable
	case name == "dj_database_url.parse":
		return readVariable(s, in, call.Positional(0), 5)
	case last(name) == "db" || last(name) == "db_url" || last(name) == "dj_db_url":
		if call.Positional(0) == nil && call.Keyword("var") == nil {
			return "DATABASE_URL"
		}
		variable, _ := in.StringValue(or(call.Positional(0), call.Keyword("var")))
		return variable
	case name == "config" && call.Keyword("cast") != nil:
		return readVariable(s, in, call, 1)
	}
	return ""
}

// readVariable is the variable that an expression reads: os.environ["X"],
// os.getenv("X", ...), env("X"), config("X").
func readVariable(s *settings, in source, e pysyntax.Expr, depth int) string {
	if depth == 0 {
		return ""
	}
	switch e := e.(type) {
	case *pysyntax.Subscript:
		if last(pysyntax.Dotted(e.X)) == "environ" {
			variable, _ := in.StringValue(e.Index)
			return variable
		}
	case *pysyntax.Call:
		switch name := pysyntax.Dotted(e.Func); {
		case strings.HasSuffix(name, "environ.get"), last(name) == "getenv", name == "env", name == "env.str", name == "config":
			if first := e.Positional(0); first != nil {
				variable, _ := in.StringValue(first)
				return variable
			}
		}
	case *pysyntax.Name:
		if b, ok := s.lookupFrom(in, e.ID); ok {
			return readVariable(s, b.source, b.value, depth-1)
		}
	}
	return ""
}

func or(a, b pysyntax.Expr) pysyntax.Expr {
	if a != nil {
		return a
	}
	return b
}
