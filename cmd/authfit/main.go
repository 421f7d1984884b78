// Command authfit fits WorkOS AuthKit into a Python web app that exists.
package main

import (
	"os"

	"authfit/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
