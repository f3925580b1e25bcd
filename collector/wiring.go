package collector

import (
	"footfall/collector/edge"
	"footfall/collector/journal"
	"footfall/collector/orders"
	"footfall/collector/routes"
	"footfall/schemas/ids"
	format "footfall/schemas/routes"
)

// visitLog is the journal of visits as the edge sees it.
type visitLog struct{ *journal.Journal }

func (l visitLog) Append(shard int, kind, version uint8, body []byte) (edge.Position, error) {
	p, err := l.Journal.Append(shard, kind, version, body)
	return edge.Position{Epoch: ids.Epoch(p.Epoch), Shard: p.Shard, Sequence: p.Sequence, TimeMS: p.TimeMS}, err
}

// links is the routes as the edge sees them.
type links struct{ table *routes.Table }

func (l links) View() edge.View { return linkView{l.table.View()} }

// linkView holds one pointer, so that making it an interface allocates nothing.
type linkView struct{ view *routes.View }

func (v linkView) Revision() ids.Revision { return v.view.Revision() }

func (v linkView) Event(slug []byte) (edge.Event, bool) {
	e, ok := v.view.Event(slug)
	return edge.Event{ID: e.ID, Organizer: e.Organizer, Destination: e.Destination, EndMS: e.EndMS, Cookies: e.Cookies}, ok
}

func (v linkView) Code(event ids.EventID, organizer ids.OrganizerID, text []byte) (edge.Code, bool) {
	c, ok := v.view.Code(event, organizer, text)
	return edge.Code{ID: c.ID, Canonical: c.Canonical, Paused: c.Paused}, ok
}

// sellers is the routes as the order listener sees them.
type sellers struct{ table *routes.Table }

func (s sellers) Organizer(slug string) (ids.OrganizerID, bool) {
	return s.table.View().Organizer(slug)
}

func (s sellers) OnlyOrganizer() (ids.OrganizerID, bool) { return s.table.View().OnlyOrganizer() }

func (s sellers) Event(organizer ids.OrganizerID, slug string) (ids.EventID, bool) {
	e, ok := s.table.View().Event([]byte(slug))
	return e.ID, ok && e.Organizer == organizer
}

// takeSecrets hands a document of secrets to the two listeners. One organizer's
// unusable webhook secret must not keep a new day key from all others.
func (c *Collector) takeSecrets(secrets format.Secrets) error {
	forEdge, err := edge.NewSecrets(secrets)
	if err != nil {
		return err
	}
	list := make([]orders.Secret, len(secrets.WebhookSecrets))
	for i, s := range secrets.WebhookSecrets {
		list[i] = orders.Secret{Organizer: s.Organizer, Secret: s.Secret}
	}
	forOrders, err := orders.NewSecrets(list, secrets.VisitorKeys)
	if err != nil {
		c.log.Error("webhook secrets can't be used, orders signed with them are refused: end them and add new ones", "error", err)
	}
	c.edgeSecrets.Store(forEdge)
	c.orderSecrets.Store(forOrders)
	return nil
}
