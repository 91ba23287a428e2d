// Package archtest holds the rules of the house as tests: who may import whom, which package owns which library, no
// init, no package-level state, sizes, names, documentation. It reads source text only.
//
// Nothing imports it. A rule is a function from the parsed source to findings, and each is also run on a bad sample, so
// that a rule that finds nothing is known to be able to.
package archtest
