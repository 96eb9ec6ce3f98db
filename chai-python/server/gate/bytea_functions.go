package gate

// Functions of bytea that texts have as well. Their characters are bytes.

var (
	oneBytea  = []Type{Bytea}
	twoByteas = []Type{Bytea, Bytea}
)

var byteaFunctions = []function{
	{name: "length", params: oneBytea, of: Int4, apply: countOctets},
	{name: "length", params: []Type{Bytea, Name}, of: Int4}, // in an encoding
	{name: "octet_length", params: oneBytea, of: Int4, apply: countOctets},
	{name: "btrim", params: twoByteas, of: Bytea, apply: trimmedBytes(true, true)},
	{name: "ltrim", params: twoByteas, of: Bytea, apply: trimmedBytes(true, false)},
	{name: "rtrim", params: twoByteas, of: Bytea, apply: trimmedBytes(false, true)},
	{name: "position", params: twoByteas, of: Int4, apply: func(_ *scope, args []any) (any, error) {
		return int64(indexOf(asString(args[0]), asString(args[1]))) + 1, nil
	}},
	{name: "substr", params: []Type{Bytea, Int4}, of: Bytea, apply: byteaPart},
	{name: "substr", params: []Type{Bytea, Int4, Int4}, of: Bytea, apply: byteaPart},
	{name: "substring", params: []Type{Bytea, Int4}, of: Bytea, apply: byteaPart},
	{name: "substring", params: []Type{Bytea, Int4, Int4}, of: Bytea, apply: byteaPart},
	{name: "overlay", params: []Type{Bytea, Bytea, Int4}, of: Bytea, apply: byteaOverlay},
	{name: "overlay", params: []Type{Bytea, Bytea, Int4, Int4}, of: Bytea, apply: byteaOverlay},
}

func trimmedBytes(left, right bool) apply {
	return func(_ *scope, args []any) (any, error) {
		var unwanted [256]bool
		for _, b := range args[1].([]byte) {
			unwanted[b] = true
		}
		value := args[0].([]byte)
		for left && len(value) > 0 && unwanted[value[0]] {
			value = value[1:]
		}
		for right && len(value) > 0 && unwanted[value[len(value)-1]] {
			value = value[:len(value)-1]
		}
		return value, nil
	}
}

func byteaPart(_ *scope, args []any) (any, error) {
	value := args[0].([]byte)
	before, count, err := partOf(args)
	if err != nil {
		return nil, err
	}
	value = value[min(before, int64(len(value))):]
	if count < 0 {
		return value, nil
	}
	return value[:min(count, int64(len(value)))], nil
}

func byteaOverlay(s *scope, args []any) (any, error) {
	value, by := args[0].([]byte), args[1].([]byte)
	head, tail, err := around(args, int64(len(by)))
	if err != nil {
		return nil, err
	}
	before, after := value[:min(head, int64(len(value)))], value[min(tail, int64(len(value))):]
	length := len(before) + len(by) + len(after)
	if err := s.spendMaking(length); err != nil {
		return nil, err
	}
	return append(append(append(make([]byte, 0, length), before...), by...), after...), nil
}
