package authkit

// Core is what is embedded of the protocol module.
var Core = core
