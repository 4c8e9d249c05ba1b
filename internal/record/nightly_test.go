//go:build nightly && linux && amd64

package record_test

// Builds by programs that not every machine has which runs the tests.
func init() {
	builds = append(builds, build{
		name: "a Rust program", needs: "cargo",
		files:  map[string]string{"Cargo.toml": "[package]\nname = \"x\"\nversion = \"0.1.0\"\nedition = \"2021\"\n", "src/main.rs": "fn main() { println!(\"x\"); }\n"},
		script: "cargo build -q --offline --release && cp target/release/x out", env: []string{"CARGO_HOME=$TMP/cargo", "CARGO_TARGET_DIR=target"},
		outputs: []string{"out"}, programs: []string{"/cargo", "/rustc"},
	})
}
