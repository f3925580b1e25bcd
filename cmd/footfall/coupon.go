package main

import (
	"strconv"

	"github.com/spf13/cobra"

	"footfall/schemas/admin"
)

func couponSheet() sheet[admin.Coupon] {
	return sheet[admin.Coupon]{
		columns: []string{"ID", "Organizer", "Coupon", "Code", "From", "Until", "State"},
		row: func(k admin.Coupon) []string {
			until := ""
			if k.Until != nil {
				until = moment(*k.Until)
			}
			return []string{strconv.FormatUint(uint64(k.ID), 10), k.Organizer, k.Text, k.Code, moment(k.From), until, k.State}
		},
	}
}

func newCouponCommand(e *env) *cobra.Command {
	return group("coupon", "Coupons whose orders are credited to a tracking code: add, list, end",
		`An order that carries a coupon is credited to the tracking code that the coupon is
bound to, where neither a click nor a code on the order credits it. A coupon leads
to one code at a time; upper and lower case are the same. It is ended, never
deleted: orders from before keep their credit.`,
		couponAdd(e), couponList(e), couponEnd(e))
}

func couponAdd(e *env) *cobra.Command {
	var add admin.CouponAdd
	var format string
	c := &cobra.Command{
		Use: "add TEXT --code CODE [--event SLUG] [--from DATE] [--until DATE]", Short: "Bind a coupon to a tracking code", Args: takes("text of the coupon"),
		Long: `Bind a coupon to a tracking code of the same organizer, from now on. --from names
a day of the organizer's zone instead, also a past one, which the audit log says.`,
		Example: `  footfall coupon add ANN10 --code SPRING
  footfall coupon add ANN10 --code SPRING --from 2026-11-01 --until 2027-01-01`,
		RunE: func(c *cobra.Command, args []string) error {
			if err := needs(c, "code"); err != nil {
				return err
			}
			add.Text = args[0]
			var k admin.Coupon
			if err := e.call(c.Context(), "POST", address([]string{"coupons"}), add, &k); err != nil {
				return err
			}
			return couponSheet().one(e, format, k)
		},
	}
	addOrganizerFlag(c, &add.Organizer)
	c.Flags().StringVar(&add.Code, "code", "", "text of the tracking code")
	c.Flags().StringVar(&add.Event, "event", "", "slug of the event, where more than one has a code of this text")
	c.Flags().StringVar(&add.From, "from", "", "day from which on orders count, like 2026-12-01; left out: now")
	c.Flags().StringVar(&add.Until, "until", "", "day from which on they don't any more; left out: no end")
	addFormat(c, &format)
	return c
}

func couponList(e *env) *cobra.Command {
	var organizer, format string
	c := &cobra.Command{
		Use: "list [--organizer SLUG]", Short: "List an organizer's coupons, ended ones too", Args: takes(),
		Example: "  footfall coupon list --format csv",
		RunE: func(c *cobra.Command, _ []string) error {
			list, err := listAll[admin.Coupon](c.Context(), e.call, address([]string{"coupons"}, "organizer", organizer))
			if err != nil {
				return err
			}
			return couponSheet().all(e, format, list)
		},
	}
	addOrganizerFlag(c, &organizer)
	addFormat(c, &format)
	return c
}

func couponEnd(e *env) *cobra.Command {
	var organizer, format string
	var end admin.CouponEnd
	c := &cobra.Command{
		Use: "end TEXT [--until DATE] [--organizer SLUG]", Short: "End a coupon: later orders are not credited by it", Args: takes("text of the coupon"),
		Example: `  footfall coupon end ANN10
  footfall coupon end ANN10 --until 2026-12-01`,
		RunE: func(c *cobra.Command, args []string) error {
			var k admin.Coupon
			if err := e.call(c.Context(), "POST", address([]string{"coupons", args[0], "end"}, "organizer", organizer), end, &k); err != nil {
				return err
			}
			return couponSheet().one(e, format, k)
		},
	}
	addOrganizerFlag(c, &organizer)
	c.Flags().StringVar(&end.Until, "until", "", "coming day of the organizer's zone at whose midnight it ends; left out: now")
	addFormat(c, &format)
	return c
}
