// Package bench owns linkd's own measurements: scenarios in which linkd and other servers do the same job in turn, what
// they cost in memory and CPU, and the report of it. Pages, plots and comparisons are made of reports by bench/report.
//
// Each server is a process of its own, started anew for each figure, and so is the load (linkd loadgen). Rounds are
// interleaved, so that a slow minute of the machine meets all servers alike; a figure is the median of the rounds with
// its extremes, and a ratio is taken within a round, between two runs that were neighbours in time. What is measured is
// read from /proc, so that the server does nothing for it; what disturbed the machine meanwhile is part of the report.
//
// It must never import a server that it measures, and never report a figure of a run in which a device was lost.
// Linux only.
package bench
