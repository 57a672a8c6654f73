package embedded

// Numbers as text and back, as Lua 5.1 has them. The interpreter in use writes a
// whole number with all its digits, Lua with 14 of them: 1.79e15 is 1.79e+15
// there. A script that builds a key or a fence out of a large number is wrong in
// Redis and must be wrong here too. And it reads '010' as eight, Lua as ten. So
// whatever converts is replaced: tostring, tonumber, the string functions,
// table.concat, and the operands of ".." and of arithmetic, which compileLua
// wraps into calls.

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// luaFormat formats n with C's %.<precision><verb>.
func luaFormat(verb byte, precision string, n float64) string {
	return spec{precision: precision, precise: true, verb: verb}.float(n)
}

func numberText(n lua.LNumber) string {
	if i := int64(n); float64(i) == float64(n) && -1e14 < i && i < 1e14 && i != 0 {
		return strconv.FormatInt(i, 10) // the same, and sooner
	}
	return luaFormat('g', "14", float64(n))
}

// luaText is a value as text, without asking metatables.
func luaText(v lua.LValue) string {
	if n, isNumber := v.(lua.LNumber); isNumber {
		return numberText(n)
	}
	return v.String()
}

func toString(l *lua.LState) int {
	v := l.CheckAny(1)
	if n, isNumber := v.(lua.LNumber); isNumber {
		l.Push(lua.LString(numberText(n)))
	} else {
		l.Push(l.ToStringMeta(v))
	}
	return 1
}

// concatOperand is called on every operand of ".." that isn't a string for certain.
func concatOperand(l *lua.LState) int {
	v := l.Get(1)
	switch v := v.(type) {
	case lua.LNumber:
		l.Push(lua.LString(numberText(v)))
		return 1
	case lua.LString, *lua.LTable, *lua.LUserData: // tables may have a metatable for it
	default:
		l.RaiseError("attempt to concatenate a %s value", v.Type().String())
	}
	l.Push(v)
	return 1
}

// arithmeticOperand is called on every operand of arithmetic that isn't a number for certain.
func arithmeticOperand(l *lua.LState) int {
	v := l.Get(1)
	switch v := v.(type) {
	case lua.LNumber, *lua.LTable, *lua.LUserData:
	case lua.LString:
		n, isNumber := parseLuaNumber(string(v))
		if !isNumber {
			l.RaiseError("attempt to perform arithmetic on a string value")
		}
		l.Push(n)
		return 1
	default:
		l.RaiseError("attempt to perform arithmetic on a %s value", v.Type().String())
	}
	l.Push(v)
	return 1
}

// parseLuaNumber reads a decimal number, or a hexadecimal one with 0x.
func parseLuaNumber(s string) (lua.LNumber, bool) {
	s = strings.Trim(s, " \t\n\v\f\r")
	digits := strings.TrimLeft(s, "+-")
	if len(s)-len(digits) > 1 || strings.Contains(s, "_") {
		return 0, false
	}
	if len(digits) > 2 && (digits[:2] == "0x" || digits[:2] == "0X") && !strings.ContainsAny(digits, "pP.") {
		n, err := strconv.ParseUint(digits[2:], 16, 64)
		if s[0] == '-' {
			return -lua.LNumber(n), err == nil
		}
		return lua.LNumber(n), err == nil
	}
	n, err := strconv.ParseFloat(s, 64)
	return lua.LNumber(n), err == nil || errors.Is(err, strconv.ErrRange) // out of range: infinite
}

func toNumber(l *lua.LState) int {
	v, base := l.CheckAny(1), l.OptInt(2, 10)
	var n lua.LNumber
	isNumber := false
	switch {
	case base < 2 || base > 36:
		l.ArgError(2, "base out of range")
	case base != 10:
		text := strings.ToLower(strings.TrimSpace(luaText(v)))
		if base == 16 {
			text = strings.TrimPrefix(text, "0x")
		}
		whole, err := strconv.ParseInt(text, base, 64)
		n, isNumber = lua.LNumber(whole), err == nil
	case v.Type() == lua.LTNumber:
		n, isNumber = v.(lua.LNumber), true
	case v.Type() == lua.LTString:
		n, isNumber = parseLuaNumber(v.String())
	}
	if isNumber {
		l.Push(n)
	} else {
		l.Push(lua.LNil)
	}
	return 1
}

// withText calls a string function with numbers among its first n arguments turned into text.
func withText(fn *lua.LFunction, n int) *lua.LFunction {
	wrapped := *fn // with its upvalues
	wrapped.GFunction = func(l *lua.LState) int {
		for i := 1; i <= min(n, l.GetTop()); i++ {
			if number, isNumber := l.Get(i).(lua.LNumber); isNumber {
				l.Replace(i, lua.LString(numberText(number)))
			}
		}
		return fn.GFunction(l)
	}
	return &wrapped
}

// repeat is string.rep, with a bound, since the server would have to have the memory.
func repeat(l *lua.LState) int {
	text, n := luaText(l.CheckAny(1)), l.CheckInt(2)
	if n <= 0 || text == "" {
		l.Push(lua.LString(""))
		return 1
	}
	if n > maxRepeated/len(text) {
		l.RaiseError("not enough memory")
	}
	l.Push(lua.LString(strings.Repeat(text, n)))
	return 1
}

func tableConcat(l *lua.LState) int {
	t, separator := l.CheckTable(1), ""
	if l.GetTop() > 1 && l.Get(2) != lua.LNil {
		separator = luaText(l.Get(2))
	}
	from, to := l.OptInt(3, 1), l.OptInt(4, t.Len())
	var b strings.Builder
	for i := from; i <= to; i++ {
		item := t.RawGetInt(i)
		if !lua.LVCanConvToString(item) {
			l.RaiseError("invalid value (%s) at index %d in table for 'concat'", item.Type().String(), i)
		}
		b.WriteString(luaText(item))
		if i < to {
			b.WriteString(separator)
		}
	}
	l.Push(lua.LString(b.String()))
	return 1
}

// spec is one conversion of string.format: %[flags][width][.precision]verb.
type spec struct {
	flags, width, precision string
	precise                 bool // a precision was given; "" is 0
	verb                    byte
}

// formatLua is string.format, as C's printf does it.
func formatLua(l *lua.LState) int {
	format := luaText(l.CheckAny(1))
	var b strings.Builder
	for arg := 1; format != ""; {
		at := strings.IndexByte(format, '%')
		if at < 0 {
			b.WriteString(format)
			break
		}
		b.WriteString(format[:at])
		format = format[at+1:]
		if strings.HasPrefix(format, "%") {
			b.WriteByte('%')
			format = format[1:]
			continue
		}
		s, rest := parseSpec(l, format)
		format = rest
		arg++
		b.WriteString(s.convert(l, arg))
	}
	l.Push(lua.LString(b.String()))
	return 1
}

// parseSpec reads a conversion from after its percent sign.
func parseSpec(l *lua.LState, format string) (s spec, rest string) {
	rest = format
	take := func(set string, limit int) string {
		n := 0
		for n < len(rest) && n < limit && strings.IndexByte(set, rest[n]) >= 0 {
			n++
		}
		taken := rest[:n]
		rest = rest[n:]
		return taken
	}
	const digits = "0123456789"
	s.flags = take("-+ #0", 5)
	s.width = take(digits, 2)
	if strings.HasPrefix(rest, ".") {
		rest = rest[1:]
		s.precise, s.precision = true, take(digits, 2)
	}
	if rest == "" || strings.IndexByte(digits, rest[0]) >= 0 {
		l.RaiseError("invalid format (width or precision too long)")
	}
	s.verb = rest[0]
	return s, rest[1:]
}

func checkNumber(l *lua.LState, arg int) lua.LNumber {
	if text, isString := l.Get(arg).(lua.LString); isString {
		if n, isNumber := parseLuaNumber(string(text)); isNumber {
			return n
		}
	}
	n, isNumber := l.Get(arg).(lua.LNumber)
	if !isNumber {
		wrongArgument(l, arg, "number")
	}
	return n
}

func wrongArgument(l *lua.LState, arg int, want string) {
	if arg > l.GetTop() {
		l.RaiseError("bad argument #%d to 'format' (no value)", arg)
	}
	l.RaiseError("bad argument #%d to 'format' (%s expected, got %s)", arg, want, l.Get(arg).Type().String())
}

func (s spec) convert(l *lua.LState, arg int) string {
	switch s.verb {
	case 'c':
		return s.print('s', string([]byte{byte(truncate(float64(checkNumber(l, arg))))}))
	case 'd', 'i':
		return s.print('d', truncate(float64(checkNumber(l, arg))))
	case 'u':
		return s.print('d', uint64(truncate(float64(checkNumber(l, arg)))))
	case 'o', 'x', 'X':
		return s.print(s.verb, uint64(truncate(float64(checkNumber(l, arg)))))
	case 'e', 'E', 'f', 'g', 'G':
		return s.float(float64(checkNumber(l, arg)))
	case 'q':
		if !lua.LVCanConvToString(l.Get(arg)) {
			wrongArgument(l, arg, "string")
		}
		return quoteLua(luaText(l.Get(arg)))
	case 's':
		v := l.Get(arg)
		if n, isNumber := v.(lua.LNumber); isNumber {
			return s.print('s', numberText(n))
		}
		if v.Type() != lua.LTString {
			wrongArgument(l, arg, "string")
		}
		return s.print('s', v.String())
	}
	l.RaiseError("invalid option '%%%c' to 'format'", s.verb)
	return ""
}

func (s spec) print(verb byte, v any) string {
	format := "%" + s.flags + s.width
	if text, isText := v.(string); isText { // Go counts runes where C counts bytes
		if n, err := strconv.Atoi("0" + s.precision); s.precise && err == nil {
			text = text[:min(n, len(text))]
		}
		width, _ := strconv.Atoi("0" + s.width)
		padding := strings.Repeat(" ", max(0, width-len(text)))
		if strings.Contains(s.flags, "-") {
			return text + padding
		}
		return padding + text
	}
	if s.precise {
		format += "." + s.precision
	}
	return fmt.Sprintf(format+string(verb), v)
}

func (s spec) float(n float64) string {
	if math.IsInf(n, 0) || math.IsNaN(n) {
		text := "inf"
		if math.IsNaN(n) {
			text = "nan"
		}
		if math.Signbit(n) {
			text = "-" + text
		}
		return spec{flags: strings.ReplaceAll(s.flags, "0", ""), width: s.width}.print('s', text)
	}
	if !s.precise { // C's default; Go's is as many digits as it takes
		s.precise, s.precision = true, "6"
	}
	if s.precision == "0" && (s.verb == 'g' || s.verb == 'G') {
		s.precision = "1"
	}
	return s.print(s.verb, n)
}

// quoteLua writes a string so that Lua reads it back.
func quoteLua(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(text) {
		switch c := text[i]; c {
		case '"', '\\', '\n':
			b.WriteByte('\\')
			b.WriteByte(c)
		case '\r':
			b.WriteString(`\r`)
		case 0:
			b.WriteString(`\000`)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
