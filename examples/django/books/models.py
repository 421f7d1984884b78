from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.urls import reverse
from django.utils import timezone


class Book(models.Model):
    class Status(models.TextChoices):
        WANTED = 'wanted', 'Want to read'
        READING = 'reading', 'Reading'
        FINISHED = 'finished', 'Finished'

    title = models.CharField(max_length=200)
    author = models.CharField(max_length=120)
    pages = models.PositiveIntegerField(null=True, blank=True)
    status = models.CharField(
        max_length=10, choices=Status.choices, default=Status.WANTED
    )
    added = models.DateTimeField(auto_now_add=True)
    finished_on = models.DateField(null=True, blank=True)

    class Meta:
        ordering = ['-added', 'title']
        constraints = [
            models.UniqueConstraint(
                fields=['title', 'author'],
                name='one_entry_per_book',
                violation_error_message='This book is on the list already.',
            )
        ]

    def __str__(self):
        return f'{self.title} by {self.author}'

    def get_absolute_url(self):
        return reverse('books:detail', args=[self.pk])

    def finish(self):
        self.status = self.Status.FINISHED
        self.finished_on = timezone.localdate()
        self.save(update_fields=['status', 'finished_on'])


class Note(models.Model):
    book = models.ForeignKey(Book, on_delete=models.CASCADE, related_name='notes')
    text = models.TextField()
    rating = models.PositiveSmallIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(5)],
        help_text='1 (gave up on it) to 5 (will read it again)',
    )
    written = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ['-written']

    def __str__(self):
        return f'{self.rating}/5 for {self.book.title}'
