package strictjson

import (
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// Limits are those of one text.
type Limits struct {
	Depth int  // levels of objects and arrays
	Held  int  // bytes of the elements of all slices and maps that are filled, without their texts; 0: any number
	Exact bool // members that a struct does not have are refused
}

// A Filler reads itself: a value that may be of several kinds, or elements that are not to be kept. It has to
// read exactly one value.
type Filler interface{ FillFrom(r *Reader) error }

// Raw is a value as it is written. Its bytes belong to the text.
type Raw []byte

// Literal is a string's text, or a number or a boolean as it is written. null is "".
type Literal string

// Fill reads b, one strict object, into the struct that into points to, in one pass. It refuses what Decode
// refuses: of a document of 20 MB, Decode would make two copies. Members that the struct does not have are passed over,
// but one whose name differs from a known one only in letter case, "_" or "-" is refused.
//
// It knows structs, slices, maps with texts as keys, texts, booleans, int, time.Time (RFC 3339), pointers,
// Raw, Literal and every Filler. null leaves a field as it is. An empty array leaves a nil slice.
func Fill(b []byte, l Limits, what string, into any) error {
	r, err := NewStream(b, l, what)
	if err != nil {
		return err
	}
	if err := r.Want(Object, what); err != nil {
		return err
	}
	if err := r.Fill(into); err != nil {
		return err
	}
	return r.End()
}

// NewStream returns a Reader of a text that holds one value or several, whose Fill keeps to l.
// what is what the text is called in an error. The text does not nest deeper than l.Depth.
func NewStream(b []byte, l Limits, what string) (*Reader, error) {
	if _, err := Outline(b, l.Depth); err != nil {
		return nil, err
	}
	r := NewReader(b, l.Depth)
	r.what, r.held, r.exact = what, l.Held, l.Exact
	if l.Held == 0 {
		r.held = int(^uint(0) >> 1)
	}
	return r, nil
}

// More reports whether another value follows in a stream.
func (r *Reader) More() bool {
	for _, c := range r.text[r.dec.InputOffset():] {
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return true
		}
	}
	return false
}

// Fill reads the next value into what into points to, as the function of this name does. The depth is not looked at:
// NewStream did.
func (r *Reader) Fill(into any) error { return r.fill(reflect.ValueOf(into).Elem()) }

// Pass passes over one value. It is as strict as everything else here.
func (r *Reader) Pass() error {
	_, err := r.raw()
	return err
}

// raw reads one value as it is written.
func (r *Reader) raw() ([]byte, error) {
	b, err := r.dec.ReadValue()
	if err != nil {
		return nil, r.malformed(err)
	}
	end := int(r.dec.InputOffset())
	return r.text[end-len(b) : end : end], nil
}

var (
	fillerType  = reflect.TypeFor[Filler]()
	rawType     = reflect.TypeFor[Raw]()
	literalType = reflect.TypeFor[Literal]()
	timeType    = reflect.TypeFor[time.Time]()
)

func (r *Reader) fill(v reflect.Value) error {
	t := v.Type()
	k := r.dec.PeekKind()
	switch {
	case t == rawType:
		b, err := r.raw()
		v.SetBytes(b)
		return err
	case fills(t):
		return v.Addr().Interface().(Filler).FillFrom(r)
	case k == Null:
		_, err := r.raw()
		return err
	case t.Kind() == reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(t.Elem()))
		}
		return r.fill(v.Elem())
	case t == timeType:
		return r.fillTime(v, k)
	case t == literalType && k != Object && k != Array:
		return r.fillLiteral(v, k)
	}
	switch {
	case t.Kind() == reflect.Struct && k == Object:
		return r.fillStruct(v, layoutOf(t))
	case t.Kind() == reflect.Slice && k == Array:
		return r.fillSlice(v)
	case t.Kind() == reflect.Map && k == Object:
		return r.fillMap(v)
	case t.Kind() == reflect.String && k == String:
		s, err := r.oneText()
		v.SetString(s)
		return err
	case t.Kind() == reflect.Bool && (k == True || k == False):
		v.SetBool(k == True)
		return r.Pass()
	case t.Kind() == reflect.Int && k == Number:
		b, err := r.raw()
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(string(b))
		if err != nil {
			return r.mistyped(k, t)
		}
		v.SetInt(int64(n))
		return nil
	}
	if err := r.Pass(); err != nil {
		return err
	}
	return r.mistyped(k, t)
}

// oneText reads one string.
func (r *Reader) oneText() (string, error) {
	tok, err := r.dec.ReadToken()
	if err != nil {
		return "", r.malformed(err)
	}
	return tok.String(), nil
}

func (r *Reader) fillTime(v reflect.Value, k Kind) error {
	b, err := r.raw()
	if err != nil {
		return err
	}
	if k != String {
		return r.mistyped(k, reflect.TypeFor[string]())
	}
	t, err := time.Parse(`"`+time.RFC3339Nano+`"`, string(b))
	if err != nil {
		return fault.New(fault.Refused, fault.Malformed, "", "member %q of %s is %q, want a time of RFC 3339",
			r.Place(), r.what, string(b))
	}
	v.Set(reflect.ValueOf(t.UTC()))
	return nil
}

func (r *Reader) fillLiteral(v reflect.Value, k Kind) error {
	if k == String {
		s, err := r.oneText()
		v.SetString(s)
		return err
	}
	b, err := r.raw()
	v.SetString(string(b))
	return err
}

func (r *Reader) fillStruct(v reflect.Value, l *layout) error {
	if _, err := r.dec.ReadToken(); err != nil {
		return r.malformed(err)
	}
	for {
		tok, err := r.dec.ReadToken()
		if err != nil {
			return r.malformed(err)
		}
		if tok.Kind() == '}' {
			return nil
		}
		i, want := l.find(tok)
		switch {
		case i >= 0:
			err = r.fill(v.Field(i))
		case want != "":
			return fault.New(fault.Refused, fault.Malformed, "",
				"member %q of %s is called %q there, want %q: readers that take both would read another text",
				r.Place(), r.what, tok.String(), want)
		case r.exact:
			return fault.New(fault.Refused, fault.Malformed, "", "member %q of %s is not known", r.Place(), r.what)
		default:
			_, err = r.raw()
		}
		if err != nil {
			return err
		}
	}
}

func (r *Reader) fillSlice(v reflect.Value) error {
	if _, err := r.dec.ReadToken(); err != nil {
		return r.malformed(err)
	}
	size := int(v.Type().Elem().Size())
	n := 0
	for ; r.dec.PeekKind() != ']'; n++ {
		if err := r.hold(size); err != nil {
			return err
		}
		if n == v.Cap() {
			v.Grow(1)
		}
		v.SetLen(n + 1)
		v.Index(n).SetZero()
		if err := r.fill(v.Index(n)); err != nil {
			return err
		}
	}
	if n == 0 {
		v.SetZero()
	}
	_, err := r.dec.ReadToken()
	if err != nil {
		return r.malformed(err)
	}
	return nil
}

func (r *Reader) fillMap(v reflect.Value) error {
	if _, err := r.dec.ReadToken(); err != nil {
		return r.malformed(err)
	}
	t := v.Type()
	v.Set(reflect.MakeMap(t))
	elem := reflect.New(t.Elem()).Elem()
	for {
		tok, err := r.dec.ReadToken()
		if err != nil {
			return r.malformed(err)
		}
		if tok.Kind() == '}' {
			return nil
		}
		if err := r.hold(2*int(t.Elem().Size()) + 32); err != nil {
			return err
		}
		name := reflect.New(t.Key()).Elem()
		name.SetString(tok.String())
		elem.SetZero()
		if err := r.fill(elem); err != nil {
			return err
		}
		v.SetMapIndex(name, elem)
	}
}

// hold takes size bytes from what may be held.
func (r *Reader) hold(size int) error {
	if r.held -= size; r.held < 0 {
		return fault.New(fault.Refused, fault.Limit, "", "%s holds more elements than are read at once, at byte %d",
			r.what, r.dec.InputOffset())
	}
	return nil
}

// Elements calls f for each element of the array that follows; null has none. f has to read the element.
func (r *Reader) Elements(f func() error) error {
	k := r.dec.PeekKind()
	if k == Null {
		return r.Pass()
	}
	if k != Array {
		if err := r.Pass(); err != nil {
			return err
		}
		return r.mistyped(k, reflect.TypeFor[[]string]())
	}
	if _, err := r.dec.ReadToken(); err != nil {
		return r.malformed(err)
	}
	for r.dec.PeekKind() != ']' {
		if err := f(); err != nil {
			return err
		}
	}
	if _, err := r.dec.ReadToken(); err != nil {
		return r.malformed(err)
	}
	return nil
}

// Mistyped is the error about the value that was read last, which is of kind k. want is in words: "a string or an
// object".
func (r *Reader) Mistyped(k Kind, want string) error {
	return fault.New(fault.Refused, fault.Malformed, "", "%w member %q of %s, a JSON %s, want %s", ErrMistyped,
		r.Place(), r.what, Name(k), want)
}

func (r *Reader) mistyped(k Kind, t reflect.Type) error { return r.Mistyped(k, wanted(t)) }

// Place is where the value stands that was read last: "a.0.b".
func (r *Reader) Place() string {
	return strings.ReplaceAll(strings.TrimPrefix(string(r.dec.StackPointer()), "/"), "/", ".")
}

// layout is what a struct is written as.
type layout struct {
	names  map[string]int
	folded map[string]string // names without case, "_" and "-", and how they are written
}

var layouts sync.Map // of reflect.Type

var fillers sync.Map // of reflect.Type: whether a pointer to it is a Filler

func fills(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Struct, reflect.Slice, reflect.Func, reflect.Map, reflect.String:
	default:
		return false
	}
	if t.PkgPath() == "" {
		return false
	}
	if yes, ok := fillers.Load(t); ok {
		return yes.(bool)
	}
	yes := reflect.PointerTo(t).Implements(fillerType)
	fillers.Store(t, yes)
	return yes
}

func layoutOf(t reflect.Type) *layout {
	if l, ok := layouts.Load(t); ok {
		return l.(*layout)
	}
	l := &layout{names: map[string]int{}, folded: map[string]string{}}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" || !f.IsExported() {
			continue
		}
		if name == "" {
			name = f.Name
		}
		l.names[name], l.folded[fold(name)] = i, name
	}
	layouts.Store(t, l)
	return l
}

// find returns the field that is written as tok, or -1 and the name that tok was taken for by readers
// that ignore case.
func (l *layout) find(tok jsontext.Token) (int, string) {
	name := tok.String()
	if i, ok := l.names[name]; ok {
		return i, ""
	}
	return -1, l.folded[fold(name)]
}

// fold returns name without what readers ignore that are not strict. It allocates nothing for most names.
func fold(name string) string {
	plain := true
	for i := range len(name) {
		c := name[i]
		plain = plain && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9')
	}
	if plain {
		return name
	}
	return strings.Map(func(c rune) rune {
		switch {
		case c == '_' || c == '-':
			return -1
		case c == '\u017f': // ſ and K fold to letters of ASCII
			return 's'
		case c == '\u212a':
			return 'k'
		case c >= 'A' && c <= 'Z':
			return c + 'a' - 'A'
		}
		return c
	}, name)
}
