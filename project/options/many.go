package options

import "fmt"

// Options that hold several values.

// List reads a list of texts, at most limit; nil when there is none. A text alone is a list of one.
func (o *Options) List(key string, limit int) (list []string) {
	v, set := o.take(Option{Key: key, Kind: List})
	if !set {
		return nil
	}
	items, ok := v.([]any)
	if s, isText := v.(string); isText {
		items, ok = []any{s}, true
	}
	for _, item := range items {
		s, isText := item.(string)
		ok = ok && isText && s != ""
		list = append(list, s)
	}
	if !ok || len(list) == 0 || len(list) > limit {
		o.Fault(key, "is %v; write a list of 1 to %d texts", v, limit)
		return nil
	}
	return list
}

// Texts reads a mapping of texts to texts, at most limit; nil when there is none.
func (o *Options) Texts(key string, limit int) map[string]string {
	v, set := o.take(Option{Key: key, Kind: Texts})
	if !set {
		return nil
	}
	m, ok := v.(map[string]any)
	texts := make(map[string]string, len(m))
	for k, v := range m {
		s, isText := v.(string)
		ok = ok && isText
		texts[k] = s
	}
	if !ok || len(m) > limit {
		o.Fault(key, "is no mapping of at most %d texts; write NAME: VALUE", limit)
		return nil
	}
	return texts
}

// Named reads a mapping of names to texts, which the caller reads one by one; nil when there is none.
func (o *Options) Named(key string) *Options { return o.nested(Option{Key: key, Kind: Texts}) }

// Mapping reads a nested mapping; nil when there is none.
func (o *Options) Mapping(key string) *Options { return o.nested(Option{Key: key, Kind: Mapping}) }

func (o *Options) nested(of Option) *Options {
	v, set := o.take(of)
	if !set {
		return nil
	}
	m, ok := v.(map[string]any)
	if !ok {
		o.Fault(of.Key, "is %v; write its keys as key: value", v)
		return nil
	}
	return o.in(of.Key, m)
}

// in is a mapping within o, whose faults are o's too.
func (o *Options) in(key string, m map[string]any) *Options {
	return &Options{path: o.path + "." + key, m: m, errs: o.errs}
}

// Mappings reads a list of mappings, at most limit; nil when there is none.
func (o *Options) Mappings(key string, limit int) (list []*Options) {
	v, set := o.take(Option{Key: key, Kind: Mappings})
	items, ok := v.([]any)
	if set && !ok || len(items) > limit {
		o.Fault(key, "is no list of at most %d; write [{…}, {…}]", limit)
		return nil
	}
	for i, item := range items {
		at := fmt.Sprintf("%s.%d", key, i)
		m, ok := item.(map[string]any)
		if !ok {
			o.Fault(at, "is %v; write it as a mapping, {…}", item)
			continue
		}
		list = append(list, o.in(at, m))
	}
	return list
}
