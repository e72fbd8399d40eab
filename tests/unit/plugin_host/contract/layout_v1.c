#define LAYOUT kLayoutV1
#include "layout.inc"
