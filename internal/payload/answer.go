package payload

import (
	"math"
	"net/http"
	"strings"
)

// What HTTP and the bus answer alike.

// WriteStatuses is the HTTP status of each result of a write.
func WriteStatuses() map[string]int {
	return map[string]int{
		"confirmed": http.StatusOK,
		"queued":    http.StatusAccepted,
		"offline":   http.StatusConflict,
		"rejected":  http.StatusUnprocessableEntity,
		"timeout":   http.StatusGatewayTimeout,
	}
}

// Plain is a value of a tag, or an object of them, as JSON can hold it: text in UTF-8, and null for a number that JSON
// has not.
func Plain(v any) any {
	switch x := v.(type) {
	case string:
		return strings.ToValidUTF8(x, "\uFFFD")
	case float64:
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return nil
		}
	case map[string]any:
		to := make(map[string]any, len(x))
		for name, each := range x {
			to[name] = Plain(each)
		}
		return to
	}
	return v
}
