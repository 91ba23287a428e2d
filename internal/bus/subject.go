package bus

// subjects are those of one project.
type subjects struct {
	all, tags, conn, cmd, tx string // each but all ends in a dot
	packs                    string // of reports in the stream; a shard's number follows
}

func subjectsOf(project string) subjects {
	p := "linkd." + project + "."
	return subjects{all: p + ">", tags: p + "tags.", conn: p + "conn.", cmd: p + "cmd.", tx: p + "tx.",
		packs: "linkd_history." + project + "."}
}

// streamNames are those of one project.
func tagStream(project string) string  { return "linkd_" + project + "_tags" }
func connStream(project string) string { return "linkd_" + project + "_conn" }
