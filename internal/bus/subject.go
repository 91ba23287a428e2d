package bus

// subjects are those of one project.
type subjects struct {
	all, tags, conn, cmd, tx string // each but all ends in a dot
}

func subjectsOf(project string) subjects {
	p := "linkd." + project + "."
	return subjects{all: p + ">", tags: p + "tags.", conn: p + "conn.", cmd: p + "cmd.", tx: p + "tx."}
}

// streamNames are those of one project.
func tagStream(project string) string  { return "linkd_" + project + "_tags" }
func connStream(project string) string { return "linkd_" + project + "_conn" }
