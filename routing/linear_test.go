package routing

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/anishathalye/porcupine"
)

// call is one operation of a history, and answer what it returned.
type call struct {
	op       string
	key      string
	arg, old uint64
}

type answer struct {
	value uint64
	ok    bool
}

// cell is the state of one id or binding in the models. A binding is there when it has an owner.
type cell struct {
	there bool
	value uint64
}

// register is the sequential specification: what each operation may answer in a state, and the state after it.
func register(state, input, output any) (bool, any) {
	s, in, out := state.(cell), input.(call), output.(answer)
	same := out == answer{s.value, s.there} || !s.there && !out.ok
	switch in.op {
	case "lookup":
		return same, s
	case "insert", "bind":
		if s.there {
			return !out.ok, s
		}
		return out.ok, cell{true, in.arg}
	case "replace":
		if s.there {
			return same, cell{true, in.arg}
		}
		return same, s
	case "delete":
		return same, cell{}
	case "takeover":
		if s == (cell{true, in.old}) {
			return out.ok, cell{true, in.arg}
		}
		return !out.ok, s
	case "release":
		if s == (cell{true, in.arg}) {
			return out.ok, cell{}
		}
		return !out.ok, s
	}
	return false, s
}

func registers() porcupine.Model {
	return porcupine.Model{
		Partition: func(history []porcupine.Operation) (parts [][]porcupine.Operation) {
			byKey := map[string][]porcupine.Operation{}
			for _, op := range history {
				byKey[op.Input.(call).key] = append(byKey[op.Input.(call).key], op)
			}
			for _, part := range byKey {
				parts = append(parts, part)
			}
			return parts
		},
		Init: func() any { return cell{} },
		Step: register,
	}
}

// record runs goroutines that each make steps calls, and returns the history. Its clock is a counter.
func record(goroutines, steps int, next func(g, i int, r *rand.Rand) call, do func(call) answer) []porcupine.Operation {
	var clock atomic.Int64
	var mu sync.Mutex
	var history []porcupine.Operation
	together(goroutines, func(g int) {
		r := rand.New(rand.NewPCG(uint64(g), uint64(steps)))
		own := make([]porcupine.Operation, 0, steps)
		for i := range steps {
			in := next(g, i, r)
			begin := clock.Add(1)
			out := do(in)
			own = append(own, porcupine.Operation{ClientId: g, Input: in, Call: begin, Output: out, Return: clock.Add(1)})
		}
		mu.Lock()
		history = append(history, own...)
		mu.Unlock()
	})
	return history
}

func TestTableLinearizable(t *testing.T) {
	tests := map[string][]string{
		"one length":     {"c1", "c2", "c3"},
		"mixed lengths":  {"c", "c1", "c12"},
		"one id":         {"c0000001"},
		"two long words": {"868000000000001", "868000000000002"},
	}
	for name, keys := range tests {
		t.Run(name, func(t *testing.T) {
			for range 8 {
				table := NewTable(0)
				var stop atomic.Bool
				var renewer sync.WaitGroup
				renewer.Go(func() { // every shard gets a new generation all the time
					for !stop.Load() {
						for i := range table.ids.shards {
							sh := &table.ids.shards[i]
							table.ids.renew(sh, sh.gen.Load(), 1)
						}
					}
				})
				history := record(4, 250, func(g, i int, r *rand.Rand) call {
					op := []string{"insert", "replace", "delete", "lookup"}[r.IntN(4)]
					return call{op: op, key: keys[r.IntN(len(keys))], arg: uint64(g*1000 + i)}
				}, func(c call) answer { return apply(table, c) })
				stop.Store(true)
				renewer.Wait()
				if !porcupine.CheckOperations(registers(), history) {
					t.Fatal("a history is not linearizable")
				}
			}
		})
	}
}

func apply(table *Table, c call) answer {
	var pt uint32
	var ok bool
	switch id := []byte(c.key); c.op {
	case "insert":
		ok = table.Insert(id, uint32(c.arg))
	case "replace":
		pt, ok = table.Replace(id, uint32(c.arg))
	case "delete":
		pt, ok = table.Delete(id)
	case "lookup":
		pt, ok = table.Lookup(id)
	}
	return answer{uint64(pt), ok}
}

// TestRegisterRefuses keeps the checker honest: it must refuse a history that no order of steps explains.
func TestRegisterRefuses(t *testing.T) {
	history := []porcupine.Operation{
		{Input: call{op: "insert", key: "c"}, Call: 1, Output: answer{ok: true}, Return: 2},
		{Input: call{op: "insert", key: "c"}, Call: 3, Output: answer{ok: true}, Return: 4},
	}
	if porcupine.CheckOperations(registers(), history) {
		t.Error("two inserts of one id succeed, and the model accepts it")
	}
}
