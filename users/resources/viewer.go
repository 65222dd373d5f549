package resources

// Viewer is who wants to see or change resources. The zero value may do nothing.
type Viewer struct {
	// UserID is the user's name, or key: and the name of a program's access
	// key; empty: nobody who is known.
	UserID string

	Program bool // acts for all users
	Read    bool
	Write   bool
}

// MayRead reports whether the viewer may see a resource. Whether it exists makes
// no difference.
func (v Viewer) MayRead(r Resource) bool {
	switch {
	case !v.Read:
		return false
	case v.Program, r.Type == LiveConfig, r.Type == Collection && r.Name != Private:
		return true
	}
	return v.owns(r)
}

// MayWrite reports whether the viewer may change and delete a resource.
func (v Viewer) MayWrite(r Resource) bool {
	switch {
	case !v.Write:
		return false
	case v.Program:
		return true
	case r.Type == Collection && r.Name == Public:
		return v.UserID != ""
	}
	return v.owns(r)
}

// owns reports whether a resource is the viewer's own, and no program's.
func (v Viewer) owns(r Resource) bool {
	return v.UserID != "" && r.UserID == v.UserID && r.Store != ServerStore
}
