package verify

import (
	"fmt"
	"regexp"
	"strings"
)

// raised is a line in which the interpreter names an exception. Django and
// Click write some of theirs without a traceback, as "Error: ..." or
// "CommandError: ...".
var raised = regexp.MustCompile(`^(?:[A-Za-z_]\w*\.)*(?:[A-Z]\w*(?:Error|Exception|Exit|Interrupt|NotFound|DoesNotExist|Configured|Refused|NotReady)|Error)(?::.*)?$`)

// frame is the line of a traceback that says where a call was.
var frame = regexp.MustCompile(`^\s+File "([^"]+)", line (\d+)`)

// exception is the newest exception in an app's output, with the place in the
// app's own code that it came through: "KeyError: 'state' (workos_auth.py:41)".
// Files below dir are the app's. Empty where there is none.
func exception(lines []string, dir string) string {
	for i := len(lines) - 1; i >= 0; i-- {
		if !raised.MatchString(lines[i]) {
			continue
		}
		for j := i - 1; j >= 0 && !strings.HasPrefix(lines[j], "Traceback"); j-- {
			if m := frame.FindStringSubmatch(lines[j]); m != nil {
				if file, ok := strings.CutPrefix(m[1], dir+"/"); ok {
					return fmt.Sprintf("%s (%s:%s)", lines[i], file, m[2])
				}
			}
		}
		return lines[i]
	}
	return ""
}

// databases are what database drivers say when a server or a table is not there.
var (
	noTable  = regexp.MustCompile(`no such table|UndefinedTable|relation "[^"]*" does not exist|Table '[^']*' doesn't exist`)
	noServer = regexp.MustCompile(`(?i)connection to server at .* failed|could not connect to server|could not translate host name|Can't connect to (?:local )?(?:MySQL|server)|(?:psycopg2?|asyncpg|pymysql|MySQLdb|redis|pymongo)\.\S*.*(?:refused|timed out)`)
)

// databaseFix is the way out where an exception is about a database that is not
// ready, which the login cannot help; empty for any other.
func databaseFix(exception string) string {
	switch {
	case noTable.MatchString(exception):
		return "the database has no tables yet: make them as the project does (python manage.py migrate, flask db upgrade, alembic upgrade head), then run authfit verify --login"
	case noServer.MatchString(exception):
		return "start the database server that the app is set up for, or point the app to one that runs, then run authfit verify --login"
	}
	return ""
}
