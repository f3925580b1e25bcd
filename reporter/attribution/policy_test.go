package attribution

import (
	"errors"
	"testing"
)

func TestPolicyThatCantBeFollowedIsRefused(t *testing.T) {
	p, err := DefaultPolicy()
	if err != nil || p.Version != 1 || p.WindowDays != 30 || p.Pick != "last" {
		t.Fatalf("%+v, %v", p, err)
	}
	for name, text := range map[string]string{
		"no JSON":      `{`,
		"version":      `{"version":0,"window_days":30,"pick":"last","rules":["click_id"]}`,
		"window":       `{"version":2,"window_days":0,"pick":"last","rules":["click_id"]}`,
		"pick":         `{"version":2,"window_days":30,"pick":"best","rules":["click_id"]}`,
		"no rule":      `{"version":2,"window_days":30,"pick":"last","rules":[]}`,
		"unknown rule": `{"version":2,"window_days":30,"pick":"last","rules":["luck"]}`,
		"rule twice":   `{"version":2,"window_days":30,"pick":"last","rules":["click_id","click_id"]}`,
	} {
		if _, err := ParsePolicy([]byte(text)); !errors.Is(err, ErrPolicy) {
			t.Errorf("%s: %v, want ErrPolicy", name, err)
		}
	}
}
