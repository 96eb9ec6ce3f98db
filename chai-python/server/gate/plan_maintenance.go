package gate

import (
	"chaisqld/gate/syntax"
	"chaisqld/pgerr"
)

// Maintenance is asked for like a function, so that every client can: SELECT chaisqld_check() and SELECT chaisqld_backup(path).
// Each is a statement of its own that the session answers, with one row of JSON.

// maintenanceArguments are the functions with the number of their arguments.
var maintenanceArguments = map[string]int{"chaisqld_check": 0, "chaisqld_backup": 1}

// MaintenanceOption details Maintain.
type MaintenanceOption struct {
	Backup bool // else it is a check
	path   node
}

// Path evaluates the place of a backup.
func (o MaintenanceOption) Path(args []any) (string, error) {
	value, err := o.path.eval(&scope{args: args})
	if err != nil {
		return "", err
	}
	path, ok := value.(string)
	if !ok {
		return "", pgerr.New(pgerr.NullValueNotAllowed, "the path of a backup must not be null")
	}
	return path, nil
}

// maintenanceCall is the function that a statement calls and does nothing else with; nil for all other statements.
func maintenanceCall(s *syntax.Select) *syntax.Call {
	if len(s.Items) != 1 || s.Distinct || s.Table != nil || s.Where != nil || s.GroupBy != nil || s.Having != nil || s.OrderBy != nil || s.Limit != nil || s.Offset != nil {
		return nil
	}
	x, _ := s.Items[0].Expr.(*syntax.Call)
	if x == nil || !isMaintenance(x) {
		return nil
	}
	return x
}

func isMaintenance(x *syntax.Call) bool {
	_, known := maintenanceArguments[x.Name]
	return known
}

func (b *binder) maintenancePlan(x *syntax.Call, alias string) (*Plan, error) {
	if x.Star || len(x.Args) != maintenanceArguments[x.Name] {
		return nil, b.fail(x.At(), pgerr.UndefinedFunction, "function %s takes %d arguments", x.Name, maintenanceArguments[x.Name])
	}
	b.clause = "maintenance functions"
	option := MaintenanceOption{Backup: x.Name == "chaisqld_backup"}
	if option.Backup {
		var err error
		if option.path, err = b.settled(x.Args[0]); err != nil {
			return nil, err
		}
		if t := option.path.typ(); t.family() != textFamily {
			return nil, b.fail(x.At(), pgerr.UndefinedFunction, "function %s(%s) does not exist", x.Name, t.Name)
		}
	}
	if alias == "" {
		alias = x.Name
	}
	return &Plan{Verb: Maintain, Tag: "SELECT 1", Columns: []Column{{alias, Text}}, Session: option}, nil
}
