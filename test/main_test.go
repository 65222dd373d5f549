package test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"testing"

	"gatehouse/test/secantus"
)

// gatehouse is the path of the binary under test, built once by TestMain.
var gatehouse string

func TestMain(m *testing.M) {
	code, err := runTests(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "black box:", err)
		code = 1
	}
	os.Exit(code)
}

func runTests(m *testing.M) (int, error) {
	if _, err := os.Stat(nodeModules); err != nil {
		if os.Getenv("CI") == "true" {
			return 0, fmt.Errorf("the client needs Node and npm's ws: run ./test/run (%w)", err)
		}
		fmt.Println("black box: skipped, its client is not installed: ./test/run does that")
		return 0, nil
	}

	dir, err := os.MkdirTemp("", "gatehouse-bin-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder; nothing depends on its end

	gatehouse = filepath.Join(dir, "gatehouse")
	args := []string{"build", "-o", gatehouse}
	if raceDetector() {
		args = append(args, "-race")
	}
	build := exec.Command("go", append(args, "gatehouse/cmd/gatehouse")...)
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%v: %w\n%s", build.Args, err, out)
	}

	if node, err = startNode(); err != nil {
		return 0, err
	}
	waitTogether()
	code := secantus.Main(m)
	return code, node.stop()
}

// raceDetector tells whether the tests were built with -race; the binary is then built so too, and a data
// race in it ends it with a status other than 0.
func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return false
	}
	for _, setting := range info.Settings {
		if setting.Key == "-race" {
			return setting.Value == "true"
		}
	}
	return false
}

// waitTogether has more tests run at once on MongoDB, unless the command line says how many: they wait for outages
// and elections most of the time.
func waitTogether() {
	given := !onMongoDB
	flag.Parse()
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		_ = flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0))) // a number: it cannot fail
	}
}
