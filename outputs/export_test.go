package outputs

// Level is what is in a spool and what it has dropped.
func Level(s *Spool) (count int, bytes int64, dropped [2]uint64) { return s.level() }
