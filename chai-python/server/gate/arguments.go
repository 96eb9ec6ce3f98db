package gate

import (
	"slices"
	"time"

	"chaisqld/pgerr"
)

// bindArguments checks that values are what the parameters' types promise. They are copied only where one has to be changed.
func bindArguments(types []Type, args []any) ([]any, error) {
	values := args
	for i, v := range args {
		if v == nil {
			continue
		}
		if t, ok := v.(time.Time); ok {
			if stored := microseconds(t); stored != t {
				values = slices.Clone(values)
				values[i] = stored
			}
		}
		if valueFamily(v) != types[i].family() {
			return nil, pgerr.New(pgerr.DatatypeMismatch, "parameter $%d is of type %s but was given a %T", i+1, types[i].Name, v)
		}
		if n, ok := v.(int64); ok {
			if _, err := inRange(n, types[i]); err != nil {
				return nil, err
			}
		}
	}
	return values, nil
}

func valueFamily(v any) family {
	switch v.(type) {
	case bool:
		return boolFamily
	case int64:
		return intFamily
	case float64:
		return floatFamily
	case Decimal:
		return decimalFamily
	case string:
		return textFamily
	case []byte:
		return byteaFamily
	case time.Time:
		return timeFamily
	case Span:
		return intervalFamily
	case Array:
		return arrayFamily
	}
	return openFamily
}

// declaredTypes turns a client's OIDs into types; 0 and unknown leave a parameter open.
func declaredTypes(oids []uint32, limits Limits) (*paramTypes, error) {
	if len(oids) > limits.Parameters {
		return nil, pgerr.New(pgerr.ProgramLimitExceeded, "statement has %d parameters, the limit is %d", len(oids), limits.Parameters)
	}
	params := &paramTypes{}
	for i, oid := range oids {
		t, known := TypeByOID(oid)
		if oid != 0 && !known {
			return nil, pgerr.New(pgerr.FeatureNotSupported, "parameter $%d has a type that is not supported (OID %d)", i+1, oid).
				WithHint("Supported are boolean, smallint, integer, bigint, numeric, real, double precision, text, bytea, timestamp, date, interval and arrays of them.")
		}
		if t == Unknown {
			t = Type{}
		}
		params.list = append(params.list, t)
	}
	return params, nil
}
