#pragma once

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One field of one struct, or one constant, as a header has it. */
struct layout_row {
  const char* name;
  size_t offset; /* of a constant: its value */
  size_t size;   /* of a constant: 0 */
};
/* Ends with a row whose name is NULL. */
extern const struct layout_row kLayoutV1[];
extern const struct layout_row kLayoutNow[];

#ifdef __cplusplus
}
#endif
