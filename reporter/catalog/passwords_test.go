package catalog

import (
	"testing"

	"footfall/schemas/admin"
)

// Whoever changes a password means that nothing older opens the account.
func TestALinkToANewPasswordEndsWithTheOldPassword(t *testing.T) {
	f, _ := peopleFixture(t)
	ann := f.owner()
	token, err := f.ResetLink(f.ctx, "test", ann.ID)
	must(t, err)
	must(t, f.ChangePassword(f.ctx, ann.ID, aPassword, "four other unrelated words"))
	_, err = f.ResetPassword(f.ctx, token, "not the words of Ann")
	refusedFor(t, err, admin.NotFound)
}

// A password that is set by a link while somebody changes the old one stands: who
// knew the old one may be who it was set against.
func TestAChangeOfAPasswordThatIsResetMeanwhileChangesNothing(t *testing.T) {
	f, _ := peopleFixture(t)
	ann := f.owner()
	token, err := f.ResetLink(f.ctx, "test", ann.ID)
	must(t, err)
	f.hasher.began = func() func() {
		f.hasher.began = func() func() { return func() {} }
		_, err := f.ResetPassword(f.ctx, token, "four other unrelated words")
		must(t, err)
		return func() {}
	}
	refusedFor(t, f.ChangePassword(f.ctx, ann.ID, aPassword, "not the words of Ann"), admin.Invalid)
	if _, _, err := f.SignIn(f.ctx, "ann@acme.example", "four other unrelated words", admin.Device{}); err != nil {
		t.Errorf("the password that was set: %v", err)
	}
}
