create table test1 (a int primary key, b int);
