package gate

import (
	"chaisqld/pgerr"
)

// timeField is a field of times and intervals, as EXTRACT and date_trunc name it.
type timeField uint8

const (
	_ timeField = iota
	microsecondField
	millisecondField
	secondField
	minuteField
	hourField
	dayField
	weekField
	monthField
	quarterField
	yearField
	decadeField
	centuryField
	millenniumField
	dowField
	isodowField
	doyField
	isoyearField
	julianField
	epochField
	zoneField
	zoneHourField
	zoneMinuteField
	reservedField // a word that means a time
)

// unitFields are the fields that have a unit.
var unitFields = map[unit]timeField{
	microsecondUnit: microsecondField, millisecondUnit: millisecondField, secondUnit: secondField, minuteUnit: minuteField, hourUnit: hourField, dayUnit: dayField,
	weekUnit: weekField, monthUnit: monthField, yearUnit: yearField, decadeUnit: decadeField, centuryUnit: centuryField, millenniumUnit: millenniumField,
}

// fieldWords are those without; dateFields are what only EXTRACT knows, which looks here last.
var (
	fieldWords = map[string]timeField{"qtr": quarterField, "quarter": quarterField, "timezone": zoneField, "timezone_h": zoneHourField, "timezone_m": zoneMinuteField}
	dateFields = map[string]timeField{"dow": dowField, "isodow": isodowField, "doy": doyField, "isoyear": isoyearField, "j": julianField, "jd": julianField, "julian": julianField,
		"mm": minuteField, "epoch": epochField, "allballs": reservedField, "infinity": reservedField, "-infinity": reservedField, "now": reservedField, "today": reservedField,
		"tomorrow": reservedField, "yesterday": reservedField}
)

// unitNamed finds a unit that something of a type can be cut to.
func unitNamed(name string, of Type) (timeField, error) {
	word := lowerASCII(name)
	word = word[:min(len(word), comparedCharacters)]
	if u, known := unitWords[word]; known {
		return unitFields[u], nil
	}
	if u, known := fieldWords[word]; known {
		return u, nil
	}
	return 0, pgerr.New(pgerr.InvalidParameterValue, "unit \"%s\" not recognized for type %s", shorten(name), of.Name)
}

// fieldNamed finds a field that can be taken out of something of a type.
func fieldNamed(name string, of Type) (timeField, error) {
	u, err := unitNamed(name, of)
	if err == nil {
		return u, nil
	}
	word := lowerASCII(name)
	if u, known := dateFields[word[:min(len(word), comparedCharacters)]]; known {
		return u, nil
	}
	return 0, err
}

func unitUnsupported(name string, of Type) error {
	return pgerr.New(pgerr.FeatureNotSupported, "unit \"%s\" not supported for type %s", shorten(name), of.Name)
}
