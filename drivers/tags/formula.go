package tags

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"
)

// Formula is an expression that gives a value from named ones, compiled: immutable.
type Formula struct{ program *vm.Program }

// ErrFormula is wrapped by the error of an expression that cannot be compiled.
var ErrFormula = errors.New("wrong expression")

// NewFormula compiles an expression. names are what may stand in it beside sin, cos, pi and noise: each is a bool, a
// float64 or a string, as its example is.
func NewFormula(src string, names map[string]any) (*Formula, error) {
	env := map[string]any{"pi": math.Pi}
	for name, example := range names {
		env[name] = example
	}
	program, err := expr.Compile(src, expr.Env(env), expr.MaxNodes(maxNodes), function("sin", math.Sin),
		function("cos", math.Cos), function("noise", noise))
	if err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		return nil, fmt.Errorf("%w: %s", ErrFormula, first)
	}
	return &Formula{program}, nil
}

// function makes a function of one number known to expressions.
func function(name string, f func(float64) float64) expr.Option {
	return expr.Function(name, func(args ...any) (any, error) {
		switch x := args[0].(type) {
		case float64:
			return f(x), nil
		case int:
			return f(float64(x)), nil
		}
		return nil, fmt.Errorf("%s of %v", name, args[0])
	}, f, func(int) float64 { return 0 })
}

// noise is a number from 0 to 1 for each x, the same each time (splitmix64 of its bits).
func noise(x float64) float64 {
	n := math.Float64bits(x) + 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return float64((n^n>>31)>>11) / (1 << 53)
}

// Value computes the formula. names are those that NewFormula was given, with their values; "pi" is added to them.
func (f *Formula) Value(names map[string]any) (Value, Reason) {
	names["pi"] = math.Pi
	machine := vm.VM{MemoryBudget: maxMemory}
	out, err := machine.Run(f.program, names)
	if err != nil {
		return Value{}, ExpressionFailed
	}
	return computed(out)
}

// computed is what an expression gave as a value.
func computed(out any) (Value, Reason) {
	switch x := out.(type) {
	case bool:
		return Bool(x), Fine
	case string:
		return Text(x), Fine
	case int:
		return Int(int64(x)), Fine
	case float64:
		return Float(x), Fine
	}
	return Value{}, ExpressionFailed
}
