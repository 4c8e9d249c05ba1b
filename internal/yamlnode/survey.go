package yamlnode

import (
	"bytes"

	"github.com/goccy/go-yaml/scanner"
	"github.com/goccy/go-yaml/token"
)

// The lexer and the parser beneath take a square of the length for some texts.
// Each is known here with what it costs, and a text that would cost more than
// this many steps is refused. Texts that people write cost nothing.
const maxSteps = 1 << 27

// maxCopies is how many values the parser may copy from mapping to mapping, which
// costs memory as well.
const maxCopies = 1 << 25

// maxDocuments is how many documents a text may have: the parser makes each one
// from all that follow it.
const maxDocuments = 16

// survey looks at the text itself, before it is cut into tokens.
func survey(raw []byte, depth int) error {
	steps, block, blank, at := 0, -1, 0, 0
	for line := range bytes.Lines(raw) {
		at += len(line)
		text := bytes.TrimRight(line, " \t\r\n")
		if indent := len(text) - len(bytes.TrimLeft(text, " -?")); indent > 8*depth {
			return limit("nested deeper than %d", depth)
		}
		if len(text) == 0 {
			blank++
			continue
		}
		if block >= 0 && blank > 1 { // each of them has the whole block copied
			steps += (blank - 1) * (at - block)
		}
		blank = 0
		if opensBlock(text) {
			block = at
		}
		if bytes.IndexByte(text, '"') >= 0 { // each tab has the rest of the line looked at
			steps += bytes.Count(text, []byte("\t")) * len(text)
		}
		steps += runs(text, '<')
		if steps > maxSteps {
			return tooLong()
		}
	}
	if block >= 0 && blank > 1 {
		steps += (blank - 1) * (at - block)
	}
	if steps > maxSteps {
		return tooLong()
	}
	return nil
}

func tooLong() error { return limit("runs of the same characters that are too long") }

// opensBlock reports whether a line may end with the head of a block of text.
func opensBlock(line []byte) bool {
	if i := bytes.Index(line, []byte(" #")); i >= 0 {
		line = bytes.TrimRight(line[:i], " \t")
	}
	line = bytes.TrimRight(line, "+-0123456789")
	return bytes.HasSuffix(line, []byte("|")) || bytes.HasSuffix(line, []byte(">"))
}

// runs returns how many steps the runs of c in a line cost: at each of its
// characters the rest of the run is counted.
func runs(line []byte, c byte) int {
	steps, n := 0, 0
	for _, x := range line {
		if x == c {
			n++
			steps += n
			continue
		}
		n = 0
	}
	return steps
}

// tokenize returns the tokens of a text without its comments. A token costs a
// hundred times as much as a byte, so of a long text the beginning is cut first,
// to see whether there are too many.
func tokenize(text string, most int) (token.Tokens, error) {
	for n := most + most/8; n < len(text); n *= 3 {
		if few, _ := scan(text[:n]); len(few) > most {
			return nil, limit("more than %d words and signs", most)
		}
	}
	tokens, err := scan(text)
	if err != nil {
		return nil, err
	}
	if len(tokens) > most {
		return nil, limit("more than %d words and signs", most)
	}
	var out token.Tokens
	for _, t := range tokens {
		if t.Type != token.CommentType {
			out.Add(t)
		}
	}
	return out, nil
}

// scan cuts a text into tokens, up to the first error.
func scan(text string) (token.Tokens, error) {
	var s scanner.Scanner
	s.Init(text)
	var all token.Tokens
	for {
		some, err := s.Scan()
		for _, t := range some {
			if t.Type == token.InvalidType {
				return all, &Error{Line: t.Position.Line, Column: t.Position.Column, What: t.Error}
			}
			all = append(all, t)
		}
		if err != nil { // the end, or an error that has no token
			return all, nil
		}
	}
}

// A level is a value that tokens are within.
type level struct {
	column int
	list   bool
	keys   int
}

// check looks at what the tokens nest, and at what the parser would make of
// them.
func check(tokens token.Tokens, most Limits) error {
	c := checking{most: most}
	for i, t := range tokens {
		if err := c.token(tokens, i, t); err != nil {
			return err
		}
		if len(c.levels)+len(c.flow) > most.Depth || c.marks > most.Depth {
			return limitAt(t, "nested deeper than %d", most.Depth)
		}
	}
	if c.copies > maxCopies {
		return limit("mappings of too many keys")
	}
	if c.inserted*len(tokens) > maxSteps {
		return limit("too many keys without a value")
	}
	return nil
}

// checking is how far check has come.
type checking struct {
	most     Limits
	levels   []level // of block style
	flow     []entry // of flow style
	marks    int     // anchors and tags before the same value
	docs     int
	copies   int // values that the parser copies from mapping to mapping
	inserted int // values that it puts in between others
}

// An entry is what of an entry in flow style has been seen.
type entry struct {
	mapping        bool
	content, colon bool
	last           token.Type
}

func (c *checking) token(tokens token.Tokens, i int, t *token.Token) error {
	switch t.Type {
	case token.AnchorType:
		c.marks += 3 // with its name, one more than is taken off
	case token.TagType:
		c.marks += 2
	case token.DocumentHeaderType, token.DocumentEndType:
		if c.docs++; c.docs > maxDocuments {
			return limitAt(t, "more than %d documents", maxDocuments)
		}
		c.levels = nil
		if i > 0 && i+1 < len(tokens) && t.Type == token.DocumentHeaderType &&
			tokens[i-1].Type == token.DocumentHeaderType {
			return &Error{Line: t.Position.Line, Column: t.Position.Column,
				What: "an empty document before another, which the parser would not read"}
		}
	case token.SequenceStartType, token.MappingStartType:
		c.content()
		c.flow = append(c.flow, entry{mapping: t.Type == token.MappingStartType})
		return nil
	case token.SequenceEndType, token.MappingEndType:
		c.endEntry()
		c.flow = c.flow[:max(0, len(c.flow)-1)]
		return nil
	}
	c.marks = max(0, c.marks-1)
	if len(c.flow) > 0 {
		c.inFlow(t)
		return nil
	}
	switch t.Type {
	case token.SequenceEntryType:
		c.dash(t.Position.Column)
		if i+1 < len(tokens) && isNull(tokens, i) && !canFill(tokens, i) {
			c.inserted++
		}
	case token.MappingKeyType:
		return c.key(t, t.Position.Column)
	case token.MappingValueType:
		if i == 0 {
			return nil
		}
		if i+1 < len(tokens) && isNull(tokens, i) && !canFill(tokens, i) {
			c.inserted++
		}
		return c.key(t, firstOf(tokens, i-1).Position.Column)
	}
	return nil
}

// content notes that the entry in flow style is not empty.
func (c *checking) content() {
	if n := len(c.flow); n > 0 {
		c.flow[n-1].content, c.flow[n-1].last = true, token.UnknownType
	}
}

func (c *checking) inFlow(t *token.Token) {
	e := &c.flow[len(c.flow)-1]
	switch t.Type {
	case token.CollectEntryType:
		c.endEntry()
	case token.MappingValueType:
		e.colon, e.last = true, t.Type
	default:
		e.content, e.last = true, t.Type
	}
}

// endEntry counts an entry of a mapping without a value: the parser puts a null
// in between.
func (c *checking) endEntry() {
	if len(c.flow) == 0 {
		return
	}
	e := &c.flow[len(c.flow)-1]
	if e.mapping && (e.content && !e.colon || e.colon && e.last == token.MappingValueType) {
		c.inserted++
	}
	*e = entry{mapping: e.mapping}
}

// dash enters a list whose entries stand at a column.
func (c *checking) dash(column int) {
	for n := len(c.levels); n > 0 && c.levels[n-1].column > column; n = len(c.levels) {
		c.levels = c.levels[:n-1]
	}
	if n := len(c.levels); n > 0 && c.levels[n-1].column == column && c.levels[n-1].list {
		return
	}
	c.levels = append(c.levels, level{column: column, list: true})
}

// key counts a key at a column. The parser copies all later keys of a mapping
// for each one.
func (c *checking) key(t *token.Token, column int) error {
	for n := len(c.levels); n > 0 &&
		(c.levels[n-1].column > column || c.levels[n-1].column == column && c.levels[n-1].list); n = len(c.levels) {
		c.levels = c.levels[:n-1]
	}
	if n := len(c.levels); n == 0 || c.levels[n-1].column < column {
		c.levels = append(c.levels, level{column: column})
	}
	l := &c.levels[len(c.levels)-1]
	l.keys++
	c.copies += l.keys
	if l.keys > c.most.Keys {
		return limitAt(t, "more than %d keys in one mapping", c.most.Keys)
	}
	return nil
}

// firstOf returns the first token of the key that ends at i: an anchor or a tag
// may stand before it.
func firstOf(tokens token.Tokens, i int) *token.Token {
	for i > 0 && tokens[i-1].Position.Line == tokens[i].Position.Line && isMark(tokens, i-1) {
		i--
	}
	return tokens[i]
}

// isMark reports whether a token is a tag, an anchor or its name.
func isMark(tokens token.Tokens, i int) bool {
	switch tokens[i].Type {
	case token.TagType, token.AnchorType, token.AliasType:
		return true
	}
	return i > 0 && tokens[i-1].Type == token.AnchorType
}

// isNull reports whether nothing follows a key or a dash before what follows
// stands beside or outside of it.
func isNull(tokens token.Tokens, i int) bool {
	t, next := tokens[i], tokens[i+1]
	if next.Position.Line == t.Position.Line {
		return false
	}
	column := t.Position.Column
	if t.Type == token.MappingValueType {
		column = firstOf(tokens, i-1).Position.Column
	}
	if next.Position.Column == column {
		return t.Type == token.MappingValueType && next.Type != token.SequenceEntryType ||
			t.Type == token.SequenceEntryType && next.Type == token.SequenceEntryType
	}
	return next.Position.Column < column
}

// canFill reports whether the null that follows a key or a dash can be written
// out without another meaning.
func canFill(tokens token.Tokens, i int) bool {
	t, next := tokens[i], tokens[i+1]
	switch next.Type {
	case token.AnchorType, token.TagType, token.DocumentHeaderType, token.DocumentEndType:
		return false
	}
	if t.Type == token.SequenceEntryType {
		return true
	}
	key := tokens[i-1]
	if !isWord(key) || key.Position.Line != t.Position.Line || firstOf(tokens, i-1) != key || i > 1 &&
		tokens[i-2].Type == token.MappingKeyType {
		return false
	}
	if next.Position.Column < key.Position.Column || next.Type == token.MappingKeyType {
		return true
	}
	return isWord(next) && i+2 < len(tokens) && tokens[i+2].Type == token.MappingValueType &&
		tokens[i+2].Position.Line == next.Position.Line
}

// isWord reports whether a token is a scalar on one line.
func isWord(t *token.Token) bool {
	switch t.Type {
	case token.StringType, token.SingleQuoteType, token.DoubleQuoteType, token.IntegerType, token.BoolType,
		token.NullType, token.FloatType,
		token.BinaryIntegerType, token.OctetIntegerType, token.HexIntegerType, token.MergeKeyType:
		return true
	}
	return false
}

// isText reports whether a token is a text.
func isText(t *token.Token) bool {
	return t.Type == token.StringType || t.Type == token.SingleQuoteType || t.Type == token.DoubleQuoteType
}

// withNulls writes out the nulls of keys and dashes that nothing follows. The
// parser puts each of them in between the others, moving all that follow.
func withNulls(tokens token.Tokens) token.Tokens {
	var out token.Tokens
	flow := 0
	for i, t := range tokens {
		out.Add(t)
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow = max(0, flow-1)
		case token.SequenceEntryType, token.MappingValueType:
			if flow == 0 && i+1 < len(tokens) && (i > 0 || t.Type == token.SequenceEntryType) && isNull(tokens, i) &&
				canFill(tokens, i) {
				p := *t.Position
				p.Column++
				null := token.New("null", " null", &p)
				null.Type = token.ImplicitNullType
				out.Add(null)
			}
		}
	}
	return out
}

// maxPaths is how many bytes of paths the parser may write: it gives each value
// a text of all keys above it.
const maxPaths = 1 << 26

// shorten takes the texts of long keys out of the tokens, if the paths that the
// parser writes of them would be longer than the text many times, and returns
// them by their tokens.
func shorten(tokens token.Tokens, depth int) map[*token.Token]string {
	longest := 0
	for i, t := range tokens {
		if i+1 < len(tokens) && tokens[i+1].Type == token.MappingValueType {
			longest = max(longest, len(t.Value))
		}
	}
	if longest*depth*len(tokens) <= maxPaths {
		return nil
	}
	long := map[*token.Token]string{}
	for i, t := range tokens {
		if i+1 < len(tokens) && tokens[i+1].Type == token.MappingValueType && isText(t) &&
			len(t.Value) > len(shortened) {
			long[t] = t.Value
			t.Value = shortened
		}
	}
	return long
}

// shortened stands for the text of a long key.
const shortened = "long key"
