//go:build nightly && linux && amd64

package record_test

// Builds by programs that not every machine has which runs the tests.
func init() {
	builds = append(builds, build{
		name: "a Rust program", needs: "cargo",
		files: map[string]string{
			"Cargo.toml":  "[package]\nname = \"x\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
			"src/main.rs": "fn main() { println!(\"x\"); }\n",
		},
		script:  "cargo build -q --offline --release && cp target/release/x out",
		env:     []string{"CARGO_HOME=$TMP/cargo", "CARGO_TARGET_DIR=target"},
		outputs: []string{"out"}, programs: []string{"/cargo", "/rustc"},
	}, build{ // its wrapper is a shell script that starts the same
		name: "a Java program by Gradle, without its daemon", needs: "gradle",
		files: map[string]string{
			"build.gradle": "apply plugin: 'java'\n", "settings.gradle": "rootProject.name = 'x'\n",
			"src/main/java/A.java": "public class A { public static void main(String[] a) { System.out.println(\"x\"); } }\n",
		},
		script:  "gradle --offline --no-daemon -q classes && cp build/classes/java/main/A.class out",
		env:     []string{"GRADLE_USER_HOME=$TMP/gradle"},
		outputs: []string{"out"}, programs: []string{"/java"}, cut: true,
	})
}
