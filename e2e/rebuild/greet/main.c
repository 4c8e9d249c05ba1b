/* Greets, and says which version it is. */
#include <stdio.h>

#define BUILT __DATE__ " " __TIME__

int main(void)
{
	puts("hello, built " BUILT);
	return 0;
}
