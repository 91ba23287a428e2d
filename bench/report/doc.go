// Package report owns what is made of reports that bench run has written: it reads them again, as files of anybody,
// merges the rounds of several runs, and writes pages, plots and tables; and it compares two runs as benchstat does.
//
// It must never measure anything, and never report a figure that is not in its input.
package report
