package gate

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// PostgreSQL asks in several places whether two expressions are the same: an output column and what it is grouped by, two
// aggregates, ORDER BY and the select list.

// printed writes an expression so that equal texts are equal expressions. It goes through the fields of the nodes, whatever
// they are, so that no kind of node can be forgotten here.
func printed(n node) string {
	var text strings.Builder
	printValue(&text, reflect.ValueOf(&n).Elem())
	return text.String()
}

var (
	tableType = reflect.TypeFor[table]()
	timeType  = reflect.TypeFor[time.Time]()

	selectionType = reflect.TypeFor[selection]()
)

func printValue(to *strings.Builder, v reflect.Value) {
	switch v.Kind() {
	case reflect.Invalid:
		to.WriteString("nil;")
	case reflect.Interface, reflect.Pointer:
		printPointed(to, v)
	case reflect.Struct:
		printStruct(to, v)
	case reflect.Slice, reflect.Array:
		fmt.Fprintf(to, "%d[", v.Len())
		for i := range v.Len() {
			printValue(to, v.Index(i))
		}
		to.WriteByte(']')
	case reflect.Func, reflect.Map:
		fmt.Fprintf(to, "%x;", v.Pointer())
	default:
		fmt.Fprintf(to, "%q;", fmt.Sprint(v))
	}
}

func printPointed(to *strings.Builder, v reflect.Value) {
	if v.IsNil() {
		to.WriteString("nil;")
		return
	}
	inner := v.Elem()
	if v.Kind() == reflect.Interface {
		to.WriteString(inner.Type().String())
	}
	printValue(to, inner)
}

// printStruct tells inner SELECTs by what they do, and leaves out what two equal expressions may differ in: the slot of an aggregate.
func printStruct(to *strings.Builder, v reflect.Value) {
	switch v.Type() {
	case tableType:
		fmt.Fprintf(to, "table %q;", v.FieldByName("Table").Elem().FieldByName("Name").String())
		return
	case selectionType:
		same := v.FieldByName("plan").Elem().FieldByName("same")
		fmt.Fprintf(to, "%x/%d/%q;", same.Bytes(), v.FieldByName("use").Uint(), v.FieldByName("of").FieldByName("Name").String())
		return
	case timeType:
		fmt.Fprintf(to, "%d/%d;", v.FieldByName("wall").Uint(), v.FieldByName("ext").Int())
		return
	}
	to.WriteByte('{')
	for i := range v.NumField() {
		if name := v.Type().Field(i).Name; name != "slot" {
			printValue(to, v.Field(i))
		}
	}
	to.WriteByte('}')
}
