export function ProjectPage(_: { at: import('../lib/route').Route }) { return null; }
