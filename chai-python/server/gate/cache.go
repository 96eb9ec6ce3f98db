package gate

// planCache is filled in by Prepare.
type planCache struct {
	capacity int
}
