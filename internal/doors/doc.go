// Package doors owns who may do what to linkd: roles, tokens, and the check that stands before every listener but the
// providers'. HTTP, NATS and MQTT take the same tokens with the same rights.
//
// It never writes a token or its secret to a log, and never keeps one: what it stores is a hash.
package doors
