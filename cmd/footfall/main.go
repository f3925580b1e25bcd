// Command footfall is the whole product in one binary: the roles that run it
// and the commands that ask it.
package main

import "os"

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}
