package gate

// solo is the gate of one pattern, which the linter asks. That of a pattern that
// does not compile approves nothing.
type solo struct{ gate *Gate }

func alone(pattern string) solo {
	g, err := New([]string{pattern})
	if err != nil {
		return solo{}
	}
	return solo{g}
}

func (s solo) approves(origin string) bool {
	return s.gate != nil && s.gate.Judge([]string{origin}, RejectMissing).Approved
}

func (s solo) approvesAll(origins ...string) bool {
	for _, o := range origins {
		if !s.approves(o) {
			return false
		}
	}
	return true
}

// approved keeps the sites that these texts suggest and the gate approves.
func (s solo) approved(texts []string) []site {
	var kept []site
	for _, text := range texts {
		for _, at := range suggests(text) {
			if s.approves(at.String()) {
				kept = append(kept, at)
			}
		}
	}
	return kept
}
