package workflows

import (
	"strings"
	"unicode"
)

// lexer cuts a script into words and operators. Quotes are taken off, comments
// and here-documents dropped, expressions kept whole.
type lexer struct {
	src     []rune
	at      int
	out     []item
	word    []rune
	inWord  bool
	bare    bool     // a variable or a substitution stands in the word outside of quotes
	pending []string // ends of here-documents that begin on the next line
}

func lex(script string) []item {
	l := &lexer{src: []rune(script)}
	for l.at < len(l.src) {
		l.step()
	}
	l.flush()
	return l.out
}

func (l *lexer) peek(s string) bool {
	r := []rune(s)
	return l.at+len(r) <= len(l.src) && string(l.src[l.at:l.at+len(r)]) == s
}

func (l *lexer) step() {
	c := l.src[l.at]
	l.bare = l.bare || c == '$' && !l.peek("${{") || c == '`'
	switch {
	case l.peek("${{"):
		l.until("}}")
	case l.peek("$(") || l.peek("${"):
		l.put(l.src[l.at : l.at+2]...)
		l.at += 2
	case c == '\\':
		l.escape()
	case c == '\'':
		l.single()
	case c == '"':
		l.double()
	case c == '#' && !l.inWord:
		l.comment()
	case c == '\n':
		l.newline()
	case unicode.IsSpace(c):
		l.flush()
		l.at++
	case l.peek("<<") && !l.peek("<<<"):
		l.heredoc()
	case c == '&' && (l.peek("&>") || l.at > 0 && strings.ContainsRune("<>", l.src[l.at-1])):
		l.put(c) // of a redirection
		l.at++
	case strings.ContainsRune(";&|()", c):
		l.operator()
	default:
		l.put(c)
		l.at++
	}
}

func (l *lexer) put(r ...rune) {
	l.word = append(l.word, r...)
	l.inWord = true
}

func (l *lexer) flush() {
	if l.inWord {
		l.out = append(l.out, item{text: string(l.word), bare: l.bare})
	}
	l.word, l.inWord, l.bare = nil, false, false
}

// until takes everything up to and with end into the word.
func (l *lexer) until(end string) {
	for l.at < len(l.src) && !l.peek(end) {
		l.put(l.src[l.at])
		l.at++
	}
	if l.at < len(l.src) {
		l.put([]rune(end)...)
		l.at += len(end)
	}
}

func (l *lexer) escape() {
	if l.at++; l.at >= len(l.src) {
		return
	}
	if l.src[l.at] != '\n' {
		l.put(l.src[l.at])
	}
	l.at++
}

func (l *lexer) single() {
	l.inWord = true
	for l.at++; l.at < len(l.src) && l.src[l.at] != '\''; l.at++ {
		l.put(l.src[l.at])
	}
	l.at++
}

func (l *lexer) double() {
	l.inWord = true
	for l.at++; l.at < len(l.src) && l.src[l.at] != '"'; {
		switch {
		case l.peek("${{"):
			l.until("}}")
		case l.src[l.at] == '\\':
			l.escape()
		default:
			l.put(l.src[l.at])
			l.at++
		}
	}
	l.at++
}

func (l *lexer) comment() {
	for l.at < len(l.src) && l.src[l.at] != '\n' {
		l.at++
	}
}

func (l *lexer) newline() {
	l.flush()
	l.out = append(l.out, item{text: "\n", operator: true})
	l.at++
	for _, end := range l.pending {
		l.skipDocument(end)
	}
	l.pending = nil
}

// heredoc notes where the document that begins here ends.
func (l *lexer) heredoc() {
	l.flush()
	l.at += 2
	if l.at < len(l.src) && l.src[l.at] == '-' {
		l.at++
	}
	for l.at < len(l.src) && (l.src[l.at] == ' ' || l.src[l.at] == '\t') {
		l.at++
	}
	begin := l.at
	for l.at < len(l.src) && !unicode.IsSpace(l.src[l.at]) && !strings.ContainsRune(";&|()<>", l.src[l.at]) {
		l.at++
	}
	l.pending = append(l.pending, strings.Trim(string(l.src[begin:l.at]), `'"\`))
}

func (l *lexer) skipDocument(end string) {
	for l.at < len(l.src) {
		begin := l.at
		l.comment()
		text := string(l.src[begin:l.at])
		if l.at < len(l.src) {
			l.at++
		}
		if strings.TrimLeft(text, "\t") == end {
			return
		}
	}
}

func (l *lexer) operator() {
	l.flush()
	for _, op := range []string{"&&", "||", ";;"} {
		if l.peek(op) {
			l.out = append(l.out, item{text: op, operator: true})
			l.at += 2
			return
		}
	}
	l.out = append(l.out, item{text: string(l.src[l.at]), operator: true})
	l.at++
}
