// Command gatehouse is an origin-gated users event server, and the tools to run
// one. `gatehouse help` lists them.
package main

import "os"

func main() { os.Exit(run(os.Args[1:], os.Environ(), os.Stdout, os.Stderr)) }
