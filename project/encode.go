package project

// YAML returns p as a project file that people would write: what has its default is left out, one connection, fleet or
// tag a line. Reading it gives p again.
func (p *Project) YAML() []byte {
	w := &writer{yaml: true}
	w.textField("project", p.Name)
	tallItems(w, "providers", p.Providers, func(pr *Provider) { w.provider(pr, true) })
	tallItems(w, "models", p.Models, w.model)
	tallList(w, "channels", p.Channels, w.channel)
	tallList(w, "outputs", p.Outputs, w.output)
	return append(w.buf, '\n')
}

// tallItems is tallList whose nouns too have one field a line.
func tallItems[T any](w *writer, key string, list []*T, write func(*T)) {
	if len(list) == 0 {
		return
	}
	w.key(key)
	w.tall('[', ']', func() {
		for _, x := range list {
			w.item()
			w.tall('{', '}', func() { write(x) })
		}
	})
}
