package store

const childVariable = "LINKD_STORE_CHILD"

func runChild(string) int { return 2 }
