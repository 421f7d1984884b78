// Package layouts has small apps in every layout that people have, each with
// what is particular to it, and tests that give each its login, boot it, sign
// in, and take everything back. There is nothing in it but the tests.
package layouts
