#define LAYOUT kLayoutNow
#include "layout.inc"
