package visit

import "footfall/schemas/ids"

var revisionForTest = ids.Revision{Incarnation: 0x1122334455667788, Number: 42}
