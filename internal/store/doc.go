// Package store owns what must outlive a restart: the configuration with its history, tokens, rules about strangers,
// commands that wait for a device, and what was last seen of each connection. It is the only importer of bbolt.
//
// A data directory belongs to one process at a time and holds
//
//	linkd.dir      says that the directory is linkd's
//	lock           held as long as the store is open
//	linkd.db       configuration, history, tokens, rules, commands; written with fsync before a call returns
//	seen.db        what was last seen of each connection: a hint, thrown away when it is damaged
//	generations/   the whole configuration as one file each, for Restore
//
// Every value carries a checksum and every bucket its count and digest, so that a store that is not what was written
// is refused (ErrCorrupt) and never served. What is written and how is in docs/adr/0012-store.md.
//
// The package never opens a socket and never judges a project: what is committed has been validated by the caller.
package store
