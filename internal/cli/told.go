package cli

import "reflect"

// shared is what several commands are told, by the names of their inputs in the table. Of a
// command that has no such input, the field is zero.
type shared struct {
	Subject   []string `input:"subject"`
	Checksums string   `input:"checksums"`

	Policy     string `input:"policy"`
	PolicyRef  string `input:"policy-ref"`
	Repository string `input:"repository"`

	Bundle       []string `input:"bundle"`
	Store        []string `input:"store"`
	Environments []string `input:"environments"`
	Expires      string   `input:"expires"`

	Sigstore      string `input:"sigstore"`
	SigningConfig string `input:"signing-config"`
	Audience      string `input:"audience"`
	Authority     string `input:"authority"`
	TrustedRoot   string `input:"trusted-root"`
	TUFMirror     string `input:"tuf-mirror"`
	TUFRoot       string `input:"tuf-root"`
	LogPrivate    bool   `input:"log-private-repository"`

	Offline bool   `input:"offline"`
	Network string `input:"network"`
	Wait    string `input:"wait"`
	Workers string `input:"workers"`
	Yes     bool   `input:"yes"`

	Server       string `input:"server"`
	BundleDir    string `input:"bundle-dir"`
	Verdict      string `input:"verdict"`
	Input        string `input:"input"`
	KeepEvidence string `input:"keep-evidence"`
	Output       string `input:"output"`
	Format       string `input:"format"`
	Quiet        bool   `input:"quiet"`
}

// A command is what a person can type after sallyport.
type command struct {
	do  func(*run) (answer, error)
	own reflect.Type // of what it is told besides what is shared
}

// told is a command that is handed what it alone is told, in a struct with one field for each
// such input.
func told[T any](do func(*run, T) (answer, error)) command {
	return command{func(r *run) (answer, error) {
		var own T
		r.fill(&own)
		return do(r, own)
	}, reflect.TypeFor[T]()}
}

// fill sets the fields of a struct, and of those embedded in it, from the inputs that their tags
// name.
func (r *run) fill(into any) {
	v := reflect.ValueOf(into).Elem()
	for _, field := range reflect.VisibleFields(v.Type()) {
		if field.Anonymous {
			continue
		}
		name := field.Tag.Get("input")
		switch f := v.FieldByIndex(field.Index).Addr().Interface().(type) {
		case *string:
			*f = r.text(name)
		case *[]string:
			*f = r.list(name)
		case *bool:
			*f = r.on(name)
		}
	}
}
