// Package routing owns who is connected where: the table from Socket Conn Id to connection point, the table from
// source address to connection point, and the binding of a session to its connection point.
//
// It never touches a socket and keeps no session; it knows sessions and connection points by number. Everything in
// it may be used by any goroutine at any time; readers never wait. DESIGN.md gives the algorithm and its proof.
package routing
